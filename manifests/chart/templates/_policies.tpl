{{/* The policies, as files of a ConfigMap. */}}

{{/* File name -> text, and what isn't a policy: mode and version, so that another one is another hash. */}}
{{- define "portcullis.policies.data" -}}
{{- $data := dict "version" .Chart.AppVersion }}
{{- $shipped := dict }}
{{- range $path, $_ := .Files.Glob "files/policies/**.yaml" }}
{{- $_ := set $shipped (base $path) ($.Files.Get $path) }}
{{- end }}
{{- range $name, $inForce := .Values.policies.shipped }}
{{- if $inForce }}
{{- $file := printf "%s.yaml" $name }}
{{- $_ := set $data $file (get $shipped $file | required (printf "policies.shipped: the chart has no %s" $file)) }}
{{- end }}
{{- end }}
{{- range $file, $text := .Values.policies.files }}
{{- if or (eq $file "enforcement.yaml") (regexMatch "(?m)^kind: *[\"']?Enforcement" $text) }}
{{- fail (printf "policies.files: %s is for an Enforcement; set mode instead" $file) }}
{{- end }}
{{- $_ := set $data $file $text }}
{{- end }}
{{- if eq (len $data) 1 }}
{{- fail "policies: none is left; the server doesn't start without one" }}
{{- end }}
{{- if ne .Values.mode "enforce" }}
{{- $_ := set $data "enforcement.yaml" (include "portcullis.enforcement" .) }}
{{- end }}
{{- toYaml $data }}
{{- end }}

{{- define "portcullis.enforcement" -}}
apiVersion: portcullis.dev/v1alpha1
kind: Enforcement
metadata: { name: portcullis }
spec: { mode: {{ .Values.mode }} }
{{ end }}

{{- define "portcullis.policies.name" -}}
{{ include "portcullis.fullname" . }}-policies-{{ include "portcullis.policies.data" . | sha256sum | trunc 10 }}
{{- end }}
