"""From ranked people and annotations to figures. Pure: arrays in, values out."""
