"""sosie tells a shop which of its products are alike, and why."""
