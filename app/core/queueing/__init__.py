"""Queue tickets (排队号) and appointments (预约) at the desk of a store: a number a day, a clerk calls the next."""
