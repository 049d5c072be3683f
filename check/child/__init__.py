"""What check does where torch is loaded: in forks of the script at its calls, and in processes of its own."""
