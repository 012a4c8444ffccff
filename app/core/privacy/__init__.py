"""Personal data (个人信息): where it lies, who may see it when, and what becomes of it."""
