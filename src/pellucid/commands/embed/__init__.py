"""The command ``embed``: vectors of a layer, the nearest images, anomalies."""
