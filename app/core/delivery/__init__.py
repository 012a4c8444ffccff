"""The last mile (最后一公里): couriers (管家) and their shifts; trips, their stops, and one delivery per order."""
