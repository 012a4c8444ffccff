"""Community events (社区活动): what a store holds for its catchment, and who signed up for it."""
