package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats are numbers of the running engine, from its own metrics.
type Stats struct {
	Rows          int64 `json:"rows"`
	DiskBytes     int64 `json:"disk_bytes"`
	FreeDiskBytes int64 `json:"free_disk_bytes"`
	// ReadOnly says that rows are refused because the disk is nearly full.
	ReadOnly bool `json:"read_only"`
	// DroppedRows are rows that the engine took and did not store: too old, too
	// far in the future, or too big.
	DroppedRows int64 `json:"dropped_rows"`
}

// Stats asks the engine for its numbers.
func (s *Supervisor) Stats(ctx context.Context) (Stats, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+"/metrics", nil)
	if err != nil {
		return Stats{}, fmt.Errorf("engine stats: %w", err)
	}
	resp, err := s.conn.RoundTrip(req)
	if err != nil {
		return Stats{}, fmt.Errorf("engine stats: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Stats{}, fmt.Errorf("engine stats: status %d", resp.StatusCode)
	}
	return parseStats(resp.Body)
}

func parseStats(r io.Reader) (Stats, error) {
	var st Stats
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		line := sc.Text()
		cut := strings.LastIndexByte(line, ' ')
		if cut < 0 || line[0] == '#' {
			continue
		}
		v, err := strconv.ParseFloat(line[cut+1:], 64)
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(line[:cut], "{")
		switch name {
		case "vl_storage_rows":
			st.Rows += int64(v)
		case "vl_data_size_bytes":
			st.DiskBytes += int64(v)
		case "vl_free_disk_space_bytes":
			st.FreeDiskBytes = int64(v)
		case "vl_storage_is_read_only":
			st.ReadOnly = st.ReadOnly || v != 0
		case "vl_rows_dropped_total", "vl_too_long_lines_skipped_total":
			st.DroppedRows += int64(v)
		}
	}
	if err := sc.Err(); err != nil {
		return Stats{}, fmt.Errorf("engine stats: %w", err)
	}
	return st, nil
}

// statsTimeout bounds what a scrape of Pitot waits for its engine.
const statsTimeout = 2 * time.Second

// collector shows the engine in Pitot's own metrics.
type collector struct {
	s                                                      *Supervisor
	up, restarts, rss, rows, disk, free, readOnly, dropped *prometheus.Desc
}

func newCollector(s *Supervisor) *collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("pitot_engine_"+name, help, nil, nil)
	}
	return &collector{
		s:        s,
		up:       desc("up", "Whether the event engine answers."),
		restarts: desc("restarts_total", "Times that the event engine ended and was started again."),
		rss:      desc("resident_memory_bytes", "Resident memory of the event engine's process."),
		rows:     desc("rows", "Rows in the event engine."),
		disk:     desc("disk_bytes", "Disk space that the events take."),
		free:     desc("free_disk_bytes", "Free disk space where the events are."),
		readOnly: desc("read_only", "Whether the event engine refuses rows because its disk is nearly full."),
		dropped:  desc("dropped_rows_total", "Rows that the event engine took and did not store, since it was started."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.restarts, c.rss, c.rows, c.disk, c.free, c.readOnly, c.dropped} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	st := c.s.Status()
	gauge(c.up, boolFloat(st.State == StateReady))
	ch <- prometheus.MustNewConstMetric(c.restarts, prometheus.CounterValue, float64(st.Restarts))
	gauge(c.rss, float64(st.RSSBytes))
	if st.State != StateReady {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	stats, err := c.s.Stats(ctx)
	if err != nil {
		return // up and the scrape after this one tell
	}
	gauge(c.rows, float64(stats.Rows))
	gauge(c.disk, float64(stats.DiskBytes))
	gauge(c.free, float64(stats.FreeDiskBytes))
	gauge(c.readOnly, boolFloat(stats.ReadOnly))
	ch <- prometheus.MustNewConstMetric(c.dropped, prometheus.CounterValue, float64(stats.DroppedRows))
}

func boolFloat(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
