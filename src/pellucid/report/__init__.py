"""Reports as text: data in, an HTML page or a table out. They save nothing and know nothing of training."""
