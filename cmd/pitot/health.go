package main

import "context"

// healthCmd is for container runtimes: an image from scratch has no other program
// to ask with.
type healthCmd struct {
	remote
	Live bool `help:"Ask whether the process answers, not whether it is ready."`
}

// Run asks and returns an error unless the answer is yes.
func (c *healthCmd) Run(ctx context.Context) error {
	path := "/-/ready"
	if c.Live {
		path = "/-/healthy"
	}
	resp, err := c.get(ctx, path, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
