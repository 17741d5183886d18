"""What happens inside a net: shapes, activations, embeddings."""
