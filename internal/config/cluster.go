package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/endpoints"
)

// EventCluster is an outside event store.
type EventCluster struct {
	InsertURLs       []string `yaml:"insert_urls,omitempty" doc:"Base URLs that take rows, such as http://node-1:9428. Best the storage nodes themselves: Pitot spreads its rows over them, leaves out those that are down, and stores each row once whatever happens."`
	SelectURLs       []string `yaml:"select_urls,omitempty" doc:"Base URLs that answer queries over all of the data: the select sides of the cluster (pitot engine --storage-node). Default: the one insert URL."`
	endpoints.Client `yaml:",inline"`
	SafeAge          model.Duration `yaml:"safe_age,omitempty" doc:"How long after it was taken a row is looked up once more before the journal forgets it. Longer than the nodes keep rows in memory only. Default 20s."`
	ShareEvery       model.Duration `yaml:"share_every,omitempty" doc:"How often budgets read what other replicas have spent. Default 5s."`
	AllowPartial     bool           `yaml:"allow_partial,omitempty" doc:"Answer people's queries while a storage node is down, from the rest. Default false: such queries fail."`
}

// MetricRemote is an outside metric store.
type MetricRemote struct {
	WriteURLs        []string `yaml:"write_urls,omitempty" doc:"URLs of Prometheus remote write, such as http://prometheus:9090/api/v1/write. Every one of them gets everything."`
	QueryURLs        []string `yaml:"query_urls,omitempty" doc:"Base URLs of a Prometheus HTTP API, below which /api/v1/query is, such as http://victoriametrics:8428. Queries are evaluated there; several are equal, and the next is asked when one is down."`
	ReadURLs         []string `yaml:"read_urls,omitempty" doc:"Instead of query_urls: URLs of Prometheus remote read, such as http://prometheus:9090/api/v1/read. Pitot reads the samples and evaluates queries itself."`
	endpoints.Client `yaml:",inline"`
}

// DefaultSafeAge is EventCluster.SafeAge where nothing is set.
const DefaultSafeAge = 20 * time.Second

// minSafeAge is more than the time in which a node may still carry out an
// insert that was given up.
const minSafeAge = 12 * time.Second

// Enabled says whether there is an outside event store.
func (c EventCluster) Enabled() bool { return len(c.InsertURLs) > 0 || len(c.SelectURLs) > 0 }

// Selects are the URLs for queries.
func (c EventCluster) Selects() []string {
	if len(c.SelectURLs) > 0 {
		return c.SelectURLs
	}
	return c.InsertURLs
}

// Share is ShareEvery or its default.
func (c EventCluster) Share() time.Duration {
	if c.ShareEvery == 0 {
		return 5 * time.Second
	}
	return time.Duration(c.ShareEvery)
}

// Age is SafeAge or its default.
func (c EventCluster) Age() time.Duration {
	if c.SafeAge == 0 {
		return DefaultSafeAge
	}
	return time.Duration(c.SafeAge)
}

// Validate reports all that is wrong with it.
func (c EventCluster) Validate() error {
	if !c.Enabled() {
		if c.SafeAge != 0 || c.AllowPartial || c.Username != "" || c.BearerToken != "" || len(c.Headers) > 0 {
			return errors.New("insert_urls: missing: without them the embedded engine stores the events")
		}
		return nil
	}
	var errs []error
	if len(c.InsertURLs) == 0 {
		errs = append(errs, errors.New("insert_urls: missing: say where rows go"))
	}
	if len(c.SelectURLs) == 0 && len(c.InsertURLs) > 1 {
		errs = append(errs, errors.New("select_urls: missing: with several nodes a select side has to ask all of them (`pitot engine --storage-node=...`)"))
	}
	for _, l := range []struct {
		name string
		urls []string
	}{{"insert_urls", c.InsertURLs}, {"select_urls", c.SelectURLs}} {
		if err := endpoints.CheckURLs(l.urls); err != nil {
			errs = append(errs, fmt.Errorf("%s%w", l.name, err))
		}
	}
	if c.SafeAge != 0 && time.Duration(c.SafeAge) < minSafeAge {
		errs = append(errs, fmt.Errorf("safe_age: %s is too short: a node may carry out an insert that late; use at least %s", c.SafeAge, model.Duration(minSafeAge)))
	}
	if c.ShareEvery != 0 && time.Duration(c.ShareEvery) < time.Second {
		errs = append(errs, fmt.Errorf("share_every: %s is too short: use at least 1s", c.ShareEvery))
	}
	return errors.Join(append(errs, c.Client.Validate())...)
}

// Enabled says whether there is an outside metric store.
func (c MetricRemote) Enabled() bool {
	return len(c.WriteURLs) > 0 || len(c.QueryURLs) > 0 || len(c.ReadURLs) > 0
}

// Validate reports all that is wrong with it.
func (c MetricRemote) Validate() error {
	if !c.Enabled() {
		if c.Username != "" || c.BearerToken != "" || len(c.Headers) > 0 {
			return errors.New("write_urls: missing: without them the embedded store keeps the metrics")
		}
		return nil
	}
	var errs []error
	if len(c.WriteURLs) == 0 {
		errs = append(errs, errors.New("write_urls: missing: say where metrics go"))
	}
	switch {
	case len(c.QueryURLs) == 0 && len(c.ReadURLs) == 0:
		errs = append(errs, errors.New("query_urls: missing: say where queries are answered, by query_urls or by read_urls"))
	case len(c.QueryURLs) > 0 && len(c.ReadURLs) > 0:
		errs = append(errs, errors.New("read_urls: query_urls are set too: use one of them"))
	case len(c.ReadURLs) > 1:
		errs = append(errs, errors.New("read_urls: one URL is enough; put a load balancer before several"))
	}
	for _, l := range []struct {
		name string
		urls []string
	}{{"write_urls", c.WriteURLs}, {"query_urls", c.QueryURLs}, {"read_urls", c.ReadURLs}} {
		if err := endpoints.CheckURLs(l.urls); err != nil {
			errs = append(errs, fmt.Errorf("%s%w", l.name, err))
		}
	}
	return errors.Join(append(errs, c.Client.Validate())...)
}
