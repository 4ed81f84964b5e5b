"""Looking at a message before it is sent: as one person gets it, and as a whole audience would."""
