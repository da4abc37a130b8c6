package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/api"
)

type alertCmd struct {
	Test     alertTestCmd     `cmd:"" help:"Send a sample alert through all channels of a receiver."`
	Channels alertChannelsCmd `cmd:"" help:"Show how each notification channel is doing."`
}

type alertTestCmd struct {
	remote
	Receiver string `arg:"" help:"Name of the receiver, as the alertmanager section has it."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run sends the sample; it fails where a channel did.
func (c *alertTestCmd) Run(ctx context.Context, s *streams) error {
	var r api.ReceiverTest
	if err := c.postJSON(ctx, "/api/pitot/v1/alerts/test/"+url.PathEscape(c.Receiver), nil, &r); err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(s.out, r); err != nil {
			return err
		}
	} else {
		p := newPaint(s.out)
		for _, res := range r.Results {
			verdict := p.green("sent")
			if !res.OK {
				verdict = p.red("failed") + ": " + clean(res.Error, 300)
			}
			fmt.Fprintf(s.out, "%s[%d] %s\n", res.Integration, res.Index, verdict)
		}
		if len(r.Results) == 0 {
			fmt.Fprintf(s.err, "the receiver %s has no channels: alerts that are routed to it reach nobody\n", c.Receiver)
		}
	}
	if !r.OK {
		return errors.New("a channel did not take the sample")
	}
	return nil
}

type alertChannelsCmd struct {
	remote
	JSON bool `name:"json" help:"Print JSON."`
}

var channelWidths = []int{24, 14, 8, -8, -8, 40}

// Run prints the channels.
func (c *alertChannelsCmd) Run(ctx context.Context, s *streams) error {
	var st manager.Status
	if err := c.getJSON(ctx, "/api/pitot/v1/alerts/channels", nil, &st); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, st)
	}
	p := newPaint(s.out)
	row(s.out, channelWidths, "RECEIVER", "CHANNEL", "STATE", "SENT", "FAILED", "LAST ERROR")
	for _, r := range st.Receivers {
		for _, i := range r.Integrations {
			state := p.green("ok")
			if !i.OK {
				state = p.red("failing")
			}
			row(s.out, channelWidths, clean(r.Name, 24), i.Name, state, strconv.FormatInt(i.Sent, 10), strconv.FormatInt(i.Failed, 10), clean(i.LastError, 200))
		}
		if len(r.Integrations) == 0 {
			row(s.out, channelWidths, clean(r.Name, 24), p.dim("none"))
		}
	}
	for _, w := range st.Warnings {
		fmt.Fprintln(s.err, "warning:", w)
	}
	return nil
}
