{{- define "pitot.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}{{- .Release.Name | trunc 50 | trimSuffix "-" -}}{{- else -}}{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pitot.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pitot.labels" -}}
{{ include "pitot.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "pitot.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{- default (include "pitot.fullname" .) .Values.serviceAccount.name -}}{{- else -}}{{- default "default" .Values.serviceAccount.name -}}{{- end -}}
{{- end -}}

{{- define "pitot.image" -}}
{{- if .Values.image.digest -}}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{- else -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end -}}
{{- end -}}

{{/* The roles of the pods that exist in this mode. */}}
{{- define "pitot.roles" -}}
{{- if eq .Values.mode "split" -}}capture query{{- else -}}all{{- end -}}
{{- end -}}

{{- define "pitot.roleName" -}}
{{- if eq .role "all" -}}{{ include "pitot.fullname" .root }}{{- else -}}{{ include "pitot.fullname" .root }}-{{ .role }}{{- end -}}
{{- end -}}

{{/* The pods of the event cluster are another program: no selector of Pitot's pods finds them. */}}
{{- define "pitot.engineSelector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}-engine
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pitot.engineLabels" -}}
{{ include "pitot.engineSelector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "pitot.engine" -}}
{{- if and (eq .Values.mode "split") .Values.engine.enabled }}true{{ end -}}
{{- end -}}

{{/* The addresses of the storage nodes, with commas between. */}}
{{- define "pitot.storageNodes" -}}
{{- $name := include "pitot.fullname" . -}}
{{- $nodes := list -}}
{{- range $i := until (int .Values.engine.storage.replicas) -}}
{{- $nodes = append $nodes (printf "%s-storage-%d.%s-storage:9428" $name $i $name) -}}
{{- end -}}
{{- join "," $nodes -}}
{{- end -}}

{{/* The configuration: what the chart itself knows, and what config says over it. */}}
{{- define "pitot.config" -}}
{{- $own := dict -}}
{{- if eq .Values.mode "split" -}}
{{- $name := include "pitot.fullname" . -}}
{{- $_ := set $own "alerts" (dict "cluster" (dict "listen" "0.0.0.0:9094" "advertise" "${POD_IP}:9094" "peers" (list (printf "%s-query-peers:9094" $name)))) -}}
{{- if .Values.engine.enabled -}}
{{- $urls := list -}}
{{- range splitList "," (include "pitot.storageNodes" .) }}{{ $urls = append $urls (printf "http://%s" .) }}{{ end -}}
{{- $cluster := dict "insert_urls" $urls "select_urls" (list (printf "http://%s-select:9428" $name)) "bearer_token_file" "/etc/pitot-engine/token" -}}
{{- $_ := set $own "storage" (dict "events" (dict "cluster" $cluster)) -}}
{{- end -}}
{{- end -}}
{{- $all := mergeOverwrite $own (deepCopy .Values.config) -}}
{{- if eq .Values.mode "split" -}}
{{- if not (dig "storage" "events" "cluster" "insert_urls" "" $all) -}}
{{- fail "mode split: replicas meet in outside stores: set engine.enabled, or config.storage.events.cluster" -}}
{{- end -}}
{{- if not (dig "storage" "metrics" "remote" "write_urls" "" $all) -}}
{{- fail "mode split: replicas meet in outside stores: set config.storage.metrics.remote with write_urls and query_urls" -}}
{{- end -}}
{{- if and .Values.capture.autoscaling.enabled (dig "prometheus" "scrape_configs" "" $all) -}}
{{- fail "capture.autoscaling: replicas divide the targets of prometheus.scrape_configs by their number, which must be fixed then: use capture.replicas, or a Prometheus that scrapes and writes to Pitot" -}}
{{- end -}}
{{- end -}}
{{- if $all -}}
{{- toYaml $all -}}
{{- else -}}
# The defaults are useful as they are: docs/configuration.md
{{- end -}}
{{- end -}}

{{- define "pitot.web" -}}
{{- if or .Values.tls.secretName .Values.web }}true{{ end -}}
{{- end -}}

{{- define "pitot.webConfig" -}}
{{- $own := dict -}}
{{- if .Values.tls.secretName -}}
{{- $_ := set $own "tls_server_config" (dict "cert_file" "/etc/pitot-tls/tls.crt" "key_file" "/etc/pitot-tls/tls.key") -}}
{{- end -}}
{{- toYaml (mergeOverwrite $own (deepCopy .Values.web)) -}}
{{- end -}}

{{- define "pitot.scheme" -}}
{{- if or .Values.tls.secretName (dig "tls_server_config" "cert_file" "" .Values.web) }}HTTPS{{ else }}HTTP{{ end -}}
{{- end -}}

{{- define "pitot.allowPublic" -}}
{{- if eq (toString .Values.allowPublic) "auto" -}}
{{- if not (or .Values.existingConfigSecret .Values.web.basic_auth_users (dig "auth" "enabled" false .Values.config)) }}true{{ end -}}
{{- else if .Values.allowPublic }}true{{ end -}}
{{- end -}}
