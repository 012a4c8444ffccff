"""What is known of how somebody deals with money: facts for whoever will judge credit. Nobody does here."""
