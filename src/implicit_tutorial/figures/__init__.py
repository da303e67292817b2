"""One module a chapter: figures and explorers, so that notebook cells stay short."""
