"""The guide, a file for each of its sections: somebody with pages, a command line and logs does what it says."""
