{{/* Names and labels. Quoted where nothing is added to them: YAML reads `123` as a number and `on` as a boolean. */}}

{{- define "portcullis.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Of 40 characters at most: a Job adds 20 (-policies-HASH), and its name becomes a label's value, of 63. */}}
{{- define "portcullis.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Of objects. Pods don't have these: those that change with the chart would roll them. */}}
{{- define "portcullis.labels" -}}
app.kubernetes.io/name: {{ include "portcullis.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (replace "+" "_" .Chart.Version) }}
{{- end }}

{{/* Of Pods, by component: (list $ "register"). */}}
{{- define "portcullis.podLabels" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.podLabels }}
{{- toYaml . }}
{{ end -}}
{{- include "portcullis.selectorLabels" . }}
{{- end }}

{{- define "portcullis.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "portcullis.name" $root | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* A digest says more than a tag. */}}
{{- define "portcullis.image" -}}
{{- with .Values.image }}
{{- with .registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}
