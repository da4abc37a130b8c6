package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/durable"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// erasingFile names erasures that have begun and not ended: whatever ends the
// process in between, the next one goes on with them.
const erasingFile = "erasing.json"

const erasingVersion = 1

type erasing struct {
	Version  int       `json:"version"`
	Erasures []erasure `json:"erasures"`
}

// erasure is whose data goes, and in which tenant.
type erasure struct {
	Tenant string `json:"tenant,omitempty"`
	events.Erasure
}

func (s *Server) erasures() (erasing, error) {
	l := erasing{Version: erasingVersion}
	b, err := os.ReadFile(filepath.Join(s.opts.DataDir, erasingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err == nil && l.Version != erasingVersion {
		err = fmt.Errorf("version %d: this program reads version %d", l.Version, erasingVersion)
	}
	if err != nil {
		return l, fmt.Errorf("read %s: %w", erasingFile, err)
	}
	return l, nil
}

// noteErasure says that an erasure begins.
func (s *Server) noteErasure(ctx context.Context, of events.Erasure) error {
	e := erasure{llm.TenantOf(ctx), of}
	l, err := s.erasures()
	if err != nil {
		return err
	}
	if slices.Contains(l.Erasures, e) {
		return nil
	}
	l.Erasures = append(l.Erasures, e)
	return s.writeErasures(l)
}

// forgetErasure says that it has ended.
func (s *Server) forgetErasure(ctx context.Context, of events.Erasure) error {
	e := erasure{llm.TenantOf(ctx), of}
	l, err := s.erasures()
	if err != nil {
		return err
	}
	l.Erasures = slices.DeleteFunc(l.Erasures, func(o erasure) bool { return o == e })
	return s.writeErasures(l)
}

func (s *Server) writeErasures(l erasing) error {
	name := filepath.Join(s.opts.DataDir, erasingFile)
	var err error
	if len(l.Erasures) == 0 {
		if err = os.Remove(name); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	} else {
		var b []byte
		if b, err = json.Marshal(l); err == nil {
			err = durable.WriteFile(name, b)
		}
	}
	if err != nil {
		return fmt.Errorf("note erasure: %w", err)
	}
	return nil
}

// resumeEvery is how often an erasure that was cut is tried again.
const resumeEvery = time.Minute

// resumeErasures goes on with the erasures that an earlier process, or an error,
// has cut.
func (s *Server) resumeErasures(ctx context.Context) {
	if s.embedded() != nil || s.events.WaitReady(ctx) != nil {
		return
	}
	tick := time.NewTicker(resumeEvery)
	defer tick.Stop()
	for {
		if err := s.resumeOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("an erasure that was cut cannot be finished; it is tried again", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) resumeOnce(ctx context.Context) error {
	s.snapshots.mu.Lock() // not beside one that is under way, whose note is there, too
	defer s.snapshots.mu.Unlock()
	if len(s.snapshots.live) > 0 {
		return nil // a backup; afterwards
	}
	l, err := s.erasures()
	if err != nil {
		return err
	}
	for _, e := range l.Erasures {
		field, _, err := e.Field()
		if err != nil {
			return err
		}
		s.log.Warn("an erasure was cut and is resumed", "by", field)
		rep := &api.EraseReport{Time: time.Now().UTC()}
		ctx := llm.WithTenant(ctx, e.Tenant)
		if err := s.eraseAll(ctx, e.Erasure, rep); err != nil {
			return err
		}
		if err := s.forgetErasure(ctx, e.Erasure); err != nil {
			return err
		}
		s.log.Info("an erasure that was cut is finished", "by", field, "rows", total(rep.Rows))
	}
	return nil
}

// erasingStatus shows erasures that have not ended.
func (s *Server) erasingStatus() []api.Component {
	l, err := s.erasures()
	switch {
	case err != nil:
		return []api.Component{{Name: "erasure", State: api.StateDegraded, Detail: err.Error(), Hint: "see data.md: the file names whose data must still go"}}
	case len(l.Erasures) == 0:
		return nil
	}
	return []api.Component{{
		Name: "erasure", State: api.StateDegraded, Detail: fmt.Sprintf("%d erasures have begun and not ended", len(l.Erasures)),
		Hint: "they go on by themselves, also after a restart; the log says why one cannot",
	}}
}

// maxRestarts is how often work that an engine's restart cuts is done again.
const maxRestarts = 3

// persist does work on the event store again where a restart of the engine cuts
// it, once what was received is stored again, and says how often.
func (s *Server) persist(ctx context.Context, work func() error) (again int, err error) {
	for {
		err = work()
		if !errors.Is(err, events.ErrEngineRestarted) || again == maxRestarts {
			return again, err
		}
		again++
		s.log.Warn("the event engine restarted in the midst of a deletion; it is done again", "err", err)
		if err := s.events.WaitReady(ctx); err != nil {
			return again, err
		}
		if err := s.delivered(ctx); err != nil {
			return again, err
		}
	}
}
