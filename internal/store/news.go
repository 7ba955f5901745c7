package store

import (
	"context"
	"fmt"
)

// News is what processes tell each other about a platform: counters.
type News struct {
	Heard  int64 // raised when a message came from it
	Failed int64 // raised when several requests to it failed in a row
}

const (
	sqlAddNews = `INSERT INTO platform_news (platform, heard, failed) VALUES ($1, $2, $3)
		ON CONFLICT (platform) DO UPDATE SET heard = platform_news.heard + excluded.heard,
			failed = platform_news.failed + excluded.failed`
	sqlNews       = `SELECT platform, heard, failed FROM platform_news`
	sqlDeleteNews = `DELETE FROM platform_news WHERE platform = $1`
)

// AddNews raises the counters of a platform by those of n.
func (tx *Tx) AddNews(platform string, n News) error {
	if err := tx.send(sqlAddNews, platform, n.Heard, n.Failed); err != nil {
		return fmt.Errorf("storing news of platform %s: %w", platform, err)
	}
	return nil
}

// News returns the counters of all platforms that have any.
func (s *Store) News(ctx context.Context) (map[string]News, error) {
	all := map[string]News{}
	err := s.engine.read.rows(ctx, sqlNews, nil, func(scan scanFunc) error {
		var platform string
		var n News
		if err := scan(&platform, &n.Heard, &n.Failed); err != nil {
			return err
		}
		all[platform] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading news of platforms: %w", err)
	}
	return all, nil
}
