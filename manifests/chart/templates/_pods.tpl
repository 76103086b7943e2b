{{/* What the Pods have in common. */}}

{{/* Image and who may do what, of every container. */}}
{{- define "portcullis.container" -}}
image: {{ include "portcullis.image" . | quote }}
{{- with .Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end }}

{{/* Variables of every container. */}}
{{- define "portcullis.env" -}}
{{- if ne .Values.logLevel "info" }}
- name: LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "portcullis.namespaceEnv" -}}
- name: WEBHOOK_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end }}

{{/* Of init and register, which have to agree. */}}
{{- define "portcullis.registrationEnv" -}}
- name: MUTATE_CONFIG
  value: {{ include "portcullis.fullname" . | quote }}
- name: VALIDATE_CONFIG
  value: {{ include "portcullis.fullname" . | quote }}
- name: WEBHOOK_SERVICE
  value: {{ include "portcullis.fullname" . | quote }}
{{ include "portcullis.namespaceEnv" . }}
{{- if ne (int .Values.service.port) 443 }}
- name: WEBHOOK_PORT
  value: {{ .Values.service.port | quote }}
{{- end }}
{{- with .Values.excludeNamespaces }}
- name: EXCLUDE_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}

{{/* What the kubelet would mount into every container, for those alone that ask the API server, and short-lived. */}}
{{- define "portcullis.tokenVolume" -}}
- name: token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{- define "portcullis.tokenMount" -}}
- name: token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}

{{- define "portcullis.policiesMount" -}}
- name: policies
  mountPath: /etc/portcullis/policies
  readOnly: true
{{- end }}

{{- define "portcullis.policiesVolume" -}}
- name: policies
  configMap:
    name: {{ include "portcullis.policies.name" . }}
{{- end }}

{{/* Where and as whom, of every Pod. */}}
{{- define "portcullis.placement" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The Pod of a command of init.mjs: (dict "root" $ "command" "register" "account" "register" "env" TEXT "policies" true). */}}
{{- define "portcullis.commandSpec" -}}
serviceAccountName: {{ include "portcullis.fullname" .root }}-{{ .account }}
{{ include "portcullis.placement" .root }}
restartPolicy: Never
{{- /* No volume here needs a group. */}}
{{- with omit .root.Values.podSecurityContext "fsGroup" "fsGroupChangePolicy" }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .command }}
    args: [/app/init.mjs, {{ .command }}]
    {{- include "portcullis.container" .root | nindent 4 }}
    env:
      {{- .env | nindent 6 }}
      {{- include "portcullis.env" .root | nindent 6 }}
    resources:
      {{- toYaml .root.Values.initResources | nindent 6 }}
    volumeMounts:
      {{- if .policies }}
      {{- include "portcullis.policiesMount" .root | nindent 6 }}
      {{- end }}
      {{- include "portcullis.tokenMount" .root | nindent 6 }}
volumes:
  {{- if .policies }}
  {{- include "portcullis.policiesVolume" .root | nindent 2 }}
  {{- end }}
  {{- include "portcullis.tokenVolume" .root | nindent 2 }}
{{- end }}

{{/* Of the Job that registers, and of the test. */}}
{{- define "portcullis.registerEnv" -}}
{{ include "portcullis.registrationEnv" . }}
- name: WEBHOOK_DEPLOYMENT
  value: {{ include "portcullis.fullname" . | quote }}
{{- end }}

{{/* Of the hook before a removal, and of the CronJob. */}}
{{- define "portcullis.cleanupTemplate" -}}
metadata:
  labels:
    {{- include "portcullis.podLabels" (list . "cleanup") | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- $env := printf "- name: WEBHOOK_SERVICE\n  value: %q\n%s" (include "portcullis.fullname" .) (include "portcullis.namespaceEnv" .) }}
  {{- include "portcullis.commandSpec" (dict "root" . "command" "cleanup" "account" "cleanup" "env" $env) | nindent 2 }}
{{- end }}

{{/* To the API server, and to nobody else. */}}
{{- define "portcullis.egress" -}}
egress:
  - ports:
      {{- range .Values.networkPolicy.apiServerPorts }}
      - port: {{ . }}
        protocol: TCP
      {{- end }}
{{- end }}

{{/* Of the Job that registers, and what its name has the hash of. */}}
{{- define "portcullis.registerTemplate" -}}
metadata:
  labels:
    {{- include "portcullis.podLabels" (list . "register") | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- $pod := dict "root" . "command" "register" "account" "register" "env" (include "portcullis.registerEnv" .) "policies" true }}
  {{- include "portcullis.commandSpec" $pod | nindent 2 }}
{{- end }}

{{- define "portcullis.registerName" -}}
{{ include "portcullis.fullname" . }}-policies-{{ include "portcullis.registerTemplate" . | sha256sum | trunc 10 }}
{{- end }}
