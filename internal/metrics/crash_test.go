package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// crashChild fills a store, says what is committed, and waits to be killed.
func crashChild(dir string) {
	m, err := Open(context.Background(), Options{Dir: dir, Logger: slog.New(slog.DiscardHandler), ScrapeInterval: time.Hour})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	start := time.Now().Add(-time.Minute)
	for i := range 20 {
		m.catalogue.ObserveCall(streamCall("m", i))
		m.self.scrape(start.Add(time.Duration(i) * time.Second))
		fmt.Println("committed", i+1, start.Add(time.Duration(i)*time.Second).UnixMilli())
	}
	select {}
}
