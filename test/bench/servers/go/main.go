// The least that a webhook server in Go can do: net/http, the body parsed into maps as Node parses it, the same answer for
// everything.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

func answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var review map[string]any
	if err := json.Unmarshal(body, &review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, _ := review["request"].(map[string]any)
	response, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1",
		"kind":       "AdmissionReview",
		"response":   map[string]any{"uid": request["uid"], "allowed": true},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(response)))
	w.Write(response)
}

func main() {
	certDir := os.Getenv("CERT_DIR")
	certificate, key := filepath.Join(certDir, "tls.crt"), filepath.Join(certDir, "tls.key")
	log.Fatal(http.ListenAndServeTLS("127.0.0.1:"+os.Getenv("PORT"), certificate, key, http.HandlerFunc(answer)))
}
