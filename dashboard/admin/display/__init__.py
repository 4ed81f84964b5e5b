"""How things are shown: words, times, assets, navigation, progress."""
