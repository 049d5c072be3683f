"""Parent side: journals -> Session. One file per kind of event; linear in the number of events."""
