"""The pick-up shelf (自提货架) of a store: parcels in slots, until they are collected or passed on."""
