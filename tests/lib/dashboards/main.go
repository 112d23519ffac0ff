// SPDX-License-Identifier: Apache-2.0

// check-dashboard - is FILE.json a Grafana dashboard as Grafana's own types say?
//
// The types, and the strict reading by them (unknown names, wrong types, missing values), are made
// from Grafana's schemas in its foundation SDK: the dashboard, the options of each kind of panel and
// the queries of Prometheus. A panel of an unknown kind is refused, since its options would not be
// looked at. Words that stand for one of a few values are not checked: in these types they are text.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func check(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var read dashboard.Dashboard
	if err := found(read.UnmarshalJSONStrict(text)); err != nil {
		return err
	}
	if err := found(read.Validate()); err != nil {
		return err
	}
	return checkKinds(text)
}

// The generated code also returns lists of errors that are empty.
func found(err error) error {
	var list cog.BuildErrors
	if errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}

func checkKinds(text []byte) error {
	var read struct {
		Panels []struct{ Type, Title string }
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	for _, panel := range read.Panels {
		if _, known := cog.ConfigForPanelcfgVariant(panel.Type); !known && panel.Type != "row" {
			return fmt.Errorf("panel %q: the kind %q is not known", panel.Title, panel.Type)
		}
	}
	return nil
}

func main() {
	plugins.RegisterDefaultPlugins()
	status := 0
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			status = 1
		}
	}
	os.Exit(status)
}
