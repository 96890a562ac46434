package goprobe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"hotgate/goprobe/internal/bounds"
)

// URLJudge asks a server by HTTP once a second, such as hotgate's sidecar at /v1/services/NAME/canary: POST with the
// CanaryStatus as JSON, answered by {"decision": "wait", "reason": "…"} with "wait", "promote", "end" or "undecided". Anything
// else is an error, and the canary waits; nothing is promoted unless the server says so.
type URLJudge struct {
	URL   string
	Token string // is sent as a bearer token, unless empty
	// Client has to end each request in a bounded time; one with a timeout of 5 s, which follows no redirects, unless set.
	Client *http.Client
}

const (
	judgeTimeout   = 5 * time.Second
	maxJudgeAnswer = 16 << 10
)

var judgeClient = &http.Client{
	Timeout:       judgeTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is not for others
}

// Judge asks the server.
func (j URLJudge) Judge(ctx context.Context, now CanaryStatus) (CanaryDecision, string, error) {
	text, err := json.Marshal(now)
	if err != nil {
		return CanaryWait, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, j.URL, bytes.NewReader(text))
	if err != nil {
		return CanaryWait, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	if j.Token != "" {
		request.Header.Set("Authorization", "Bearer "+j.Token)
	}
	client := j.Client
	if client == nil {
		client = judgeClient
	}
	response, err := client.Do(request)
	if err != nil {
		return CanaryWait, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxJudgeAnswer))
	if err != nil {
		return CanaryWait, "", err
	}
	if response.StatusCode != http.StatusOK {
		return CanaryWait, "", fmt.Errorf("the judge answers with status %d", response.StatusCode)
	}
	var answer struct {
		Decision CanaryDecision `json:"decision"`
		Reason   string         `json:"reason"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return CanaryWait, "", errors.New("the judge's answer is not JSON as it has to be")
	}
	switch answer.Decision {
	case CanaryWait, CanaryPromote, CanaryEnd, CanaryUndecided:
		return answer.Decision, bounds.Cut(answer.Reason), nil
	}
	return CanaryWait, "", fmt.Errorf("the judge's decision is %q", bounds.Cut(string(answer.Decision)))
}
