{{/* A binding of a role to an account of ours: (list $ "RoleBinding" ROLE ACCOUNT). */}}
{{- define "portcullis.binding" -}}
{{- $root := index . 0 -}}
{{- $kind := index . 1 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ index . 2 }}
  {{- if eq $kind "RoleBinding" }}
  namespace: {{ $root.Release.Namespace | quote }}
  {{- end }}
  labels:
    {{- include "portcullis.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ trimSuffix "Binding" $kind }}
  name: {{ index . 2 }}
subjects:
  - kind: ServiceAccount
    name: {{ index . 3 }}
    namespace: {{ $root.Release.Namespace | quote }}
{{- end }}

{{/* The account of a component: (list $ "register"). */}}
{{- define "portcullis.account" -}}
{{- $root := index . 0 -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "portcullis.fullname" $root }}-{{ index . 1 }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    {{- include "portcullis.labels" $root | nindent 4 }}
  {{- with $root.Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
