"""The groups of commands of ``fxstyle``; each reads its arguments, calls the packages and prints."""
