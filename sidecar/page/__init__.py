"""What people look at: the status page, its partial, badges, and the element for other pages."""
