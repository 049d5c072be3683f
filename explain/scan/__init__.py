"""The situations in which Dynamo stops, found in source without running it. No torch is loaded, no file is executed."""
