package goldens

// known lists the cases that Walnut does not meet, with the reason. The test
// compares it with what really fails, both ways.
var known = map[string]string{}
