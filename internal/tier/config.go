package tier

import (
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/blob"
)

// Config says where old days go.
type Config struct {
	Location  string           `yaml:"location,omitempty" doc:"Where days go that are older than storage.events.retention: a directory, or s3://BUCKET/PREFIX. Empty: they are removed."`
	Retention model.Duration   `yaml:"retention" doc:"How long days are kept there, after their time in the event store."`
	Cache     units.Base2Bytes `yaml:"cache" doc:"Most local disk of days that were brought back for queries; those unused for longest go first."`
	Wait      model.Duration   `yaml:"wait" doc:"How long a query waits for cold days; then it answers without them and says so in the header Pitot-Partial."`
	MaxDays   int              `yaml:"max_days" doc:"Most cold days that one query brings back; one that asks for more is answered without cold days and says so."`
	Endpoint  string           `yaml:"endpoint,omitempty" doc:"Address of object storage other than Amazon's, such as https://minio.example.com:9000."`
	Region    string           `yaml:"region,omitempty" doc:"Region of the bucket."`
	AccessKey string           `yaml:"access_key,omitempty" doc:"Access key; without one the environment's (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)."`
	SecretKey string           `yaml:"secret_key,omitempty" doc:"Secret key." secret:"true"`
}

// DefaultConfig is the configuration of an empty section.
func DefaultConfig() Config {
	return Config{
		Retention: model.Duration(90 * 24 * time.Hour), Cache: 10 * units.GiB, Wait: model.Duration(20 * time.Second), MaxDays: 7,
	}
}

// Enabled reports whether there is a cold tier.
func (c *Config) Enabled() bool { return c.Location != "" }

// Validate checks the section.
func (c *Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	if time.Duration(c.Retention) < 24*time.Hour {
		return errors.New("retention: at least 1d")
	}
	if c.Cache < 0 || c.Wait < 0 || c.MaxDays < 0 {
		return errors.New("cache, wait and max_days cannot be negative")
	}
	_, err := c.open()
	return err
}

func (c *Config) open() (blob.Store, error) {
	s, err := blob.Open(c.Location, blob.S3{Endpoint: c.Endpoint, Region: c.Region, AccessKey: c.AccessKey, SecretKey: c.SecretKey})
	if err != nil {
		return nil, fmt.Errorf("location: %w", err)
	}
	return s, nil
}
