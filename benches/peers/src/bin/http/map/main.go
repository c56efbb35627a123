// One map behind one lock, served by net/http: the design of the earlier Go server.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type item struct {
	Key       string     `json:"key"`
	Kind      string     `json:"kind"`
	Value     any        `json:"value"`
	TTL       *time.Time `json:"ttl"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

type maps struct {
	lock  sync.RWMutex
	items map[string]item
	texts map[string]string
}

func (m *maps) json(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/api/v1/")
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		m.lock.RLock()
		row, found := m.items[key]
		m.lock.RUnlock()
		if !found {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		json.NewEncoder(w).Encode(row)
		return
	}
	var command struct{ Value any }
	if err := json.NewDecoder(r.Body).Decode(&command); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	kind := "string_slice"
	if _, is := command.Value.(string); is {
		kind = "string"
	}
	now := time.Now()
	m.lock.Lock()
	created := now
	if before, found := m.items[key]; found {
		created = before.CreatedAt
	}
	m.items[key] = item{key, kind, command.Value, nil, created, now}
	m.lock.Unlock()
	json.NewEncoder(w).Encode(map[string]string{"message": "ok"})
}

func (m *maps) text(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/v1/")
	if r.Method == http.MethodGet {
		m.lock.RLock()
		text, found := m.texts[key]
		m.lock.RUnlock()
		if !found {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		io.WriteString(w, text)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.lock.Lock()
	m.texts[key] = string(body)
	m.lock.Unlock()
	w.WriteHeader(http.StatusCreated)
}

func main() {
	m := &maps{items: map[string]item{}, texts: map[string]string{}}
	http.HandleFunc("/api/v1/", m.json)
	http.HandleFunc("/v1/", m.text)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
