"""The experience store's door (体验店): its communities, and the shelf where residents collect."""
