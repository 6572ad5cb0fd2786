{{/* Names. One release is one cluster: its objects carry the release's name. */}}
{{- define "kafka.name" -}}
{{- .Values.fullnameOverride | default .Release.Name -}}
{{- end }}

{{- define "kafka.labels" -}}
app.kubernetes.io/name: {{ .app | default "kafka" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "kafka.objectLabels" -}}
{{ include "kafka.labels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: learnflow-kafka
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "kafka.image" -}}
{{- $i := .image -}}
{{- $name := ternary $i.repository (printf "%s/%s" $i.registry $i.repository) (empty $i.registry) -}}
{{- if $i.digest }}{{ $name }}@{{ $i.digest }}{{ else }}{{ $name }}:{{ $i.tag | default .tag }}{{ end -}}
{{- end }}

{{- define "kafka.kafkaImage" -}}
{{- include "kafka.image" (dict "image" .Values.image "tag" (ternary .Chart.AppVersion "3.9.2" (eq .Values.mode "kraft"))) -}}
{{- end }}

{{/* Pods' names below a headless Service, absolute: no search list, no ndots. */}}
{{- define "kafka.domain" -}}
{{- printf "%s.%s.svc.%s" .service .root.Release.Namespace .root.Values.clusterDomain -}}
{{- end }}

{{/* 0@kafka-0.kafka-headless...:9093,... ; dedicated controllers count from 1000. */}}
{{- define "kafka.voters" -}}
{{- $set := ternary (printf "%s-controller" (include "kafka.name" .)) (include "kafka.name" .) .Values.controllers.dedicated -}}
{{- $base := ternary 1000 0 .Values.controllers.dedicated -}}
{{- $domain := include "kafka.domain" (dict "root" . "service" (printf "%s-headless" $set)) -}}
{{- $voters := list -}}
{{- range $i := until (int .Values.controllers.replicas) -}}
{{- $voters = append $voters (printf "%d@%s-%d.%s:9093" (add $base $i) $set $i $domain) -}}
{{- end -}}
{{- join "," $voters -}}
{{- end }}

{{/* Every ZooKeeper server, for brokers. */}}
{{- define "kafka.zookeeperConnect" -}}
{{- $set := printf "%s-zookeeper" (include "kafka.name" .) -}}
{{- $domain := include "kafka.domain" (dict "root" . "service" (printf "%s-headless" $set)) -}}
{{- $servers := list -}}
{{- range $i := until (int .Values.zookeeper.replicas) -}}
{{- $servers = append $servers (printf "%s-%d.%s:2181" $set $i $domain) -}}
{{- end -}}
{{- join "," $servers -}}
{{- end }}

{{/* What the release remembers of its cluster; an empty object where nothing can be looked up. */}}
{{- define "kafka.remembered" -}}
{{- $found := lookup "v1" "ConfigMap" .Release.Namespace (printf "%s-cluster" (include "kafka.name" .)) -}}
{{- ($found | default dict).data | default dict | toJson -}}
{{- end }}

{{/*
The kept id: what was kept before; else what was asked for; else a new one. A renderer without
access to the cluster (helm template, Argo CD) would make another id each time, so it derives one
from namespace and release instead: always the same, but not unique among Kubernetes clusters.
An id never begins with "-", which tools would take for an option.
*/}}
{{- define "kafka.keptClusterId" -}}
{{- $kept := (include "kafka.remembered" . | fromJson).clusterId -}}
{{- if $kept }}{{ $kept -}}
{{- else if .Values.clusterId }}{{ .Values.clusterId -}}
{{- else if include "kafka.canLookUp" . -}}
{{- randBytes 16 | substr 1 22 | printf "L%s" | replace "+" "-" | replace "/" "_" -}}
{{- else -}}
{{- printf "%s/%s" .Release.Namespace .Release.Name | sha256sum | trunc 16 | b64enc | trunc 22 -}}
{{- end -}}
{{- end }}

{{/*
Whether this renderer can look into the cluster. A user with rights in one namespace alone finds
its service account there; only where the namespace is about to be made is more than that asked.
*/}}
{{- define "kafka.canLookUp" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" -}}true
{{- else if lookup "v1" "Namespace" "" "kube-system" -}}true
{{- end -}}
{{- end }}

{{/* Presets: CPU request, memory request and limit, heap. Heap + 500Mi fits the limit in each. */}}
{{- define "kafka.presets" -}}
dev: {cpu: 50m, memory: 1Gi, heap: 512m}
small: {cpu: 250m, memory: 2Gi, heap: 1g}
medium: {cpu: "1", memory: 4Gi, heap: 2g}
large: {cpu: "2", memory: 8Gi, heap: 4g}
xlarge: {cpu: "4", memory: 16Gi, heap: 6g}
{{- end }}

{{- define "kafka.resources" -}}
{{- if .resources -}}
{{ toYaml .resources }}
{{- else -}}
{{- $preset := get (include "kafka.presets" . | fromYaml) .resourcesPreset -}}
requests:
  cpu: {{ $preset.cpu | quote }}
  memory: {{ $preset.memory }}
limits:
  memory: {{ $preset.memory }}
{{- end -}}
{{- end }}

{{/* A quantity of Kubernetes or of Java in MiB: 2Gi, 512Mi, 1G, 500M, 1073741824; 1g, 512m of Java. */}}
{{- define "kafka.mib" -}}
{{- $text := toString . -}}
{{- $n := regexFind "^[0-9]+(\\.[0-9]+)?" $text | float64 -}}
{{- $unit := regexReplaceAll "^[0-9.]+" $text "" -}}
{{- $bytes := get (dict "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "k" 1000.0 "M" 1000000.0 "G" 1000000000.0 "T" 1000000000000.0 "g" 1073741824.0 "m" 1048576.0 "" 1.0) $unit -}}
{{- divf (mulf $n (default 0.0 $bytes)) 1048576.0 | floor | int64 -}}
{{- end }}

{{/* The heap in MiB: asked for, of the preset, or what fits the limit (half of it, and 500Mi beside it). */}}
{{- define "kafka.heapMib" -}}
{{- $limit := ((.resources | default dict).limits | default dict).memory -}}
{{- if .heap -}}
{{- include "kafka.mib" .heap -}}
{{- else if not .resources -}}
{{- include "kafka.mib" (get (include "kafka.presets" . | fromYaml) .resourcesPreset).heap -}}
{{- else if $limit -}}
{{- $mib := include "kafka.mib" $limit | int64 -}}
{{- max 0 (min (div $mib 2) (sub $mib 500)) -}}
{{- else -}}
1024
{{- end -}}
{{- end }}

{{- define "kafka.limitMib" -}}
{{- if .resources -}}
{{- with (.resources.limits | default dict).memory }}{{ include "kafka.mib" . }}{{ else }}0{{ end -}}
{{- else -}}
{{- include "kafka.mib" (get (include "kafka.presets" . | fromYaml) .resourcesPreset).memory -}}
{{- end -}}
{{- end }}

{{- define "kafka.heapOptions" -}}
{{- $heap := include "kafka.heapMib" . -}}
-Xms{{ $heap }}m -Xmx{{ $heap }}m
{{- end }}

{{/* Lines of a properties file; a backslash is doubled, as Java reads it. */}}
{{- define "kafka.properties" -}}
{{- range $key, $value := . -}}
{{ $key }}={{ toString $value | replace "\\" "\\\\" }}
{{ end -}}
{{- end }}

{{- define "kafka.podScheduling" -}}
{{- $own := include "kafka.labels" . | fromYaml -}}
{{- $s := .root.Values.scheduling -}}
{{- if or $s.affinity (ne $s.nodes "none") }}
affinity:
{{- if $s.affinity }}
  {{- toYaml $s.affinity | nindent 2 }}
{{- else if eq $s.nodes "hard" }}
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- toYaml $own | nindent 12 }}
{{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- toYaml $own | nindent 14 }}
{{- end }}
{{- end }}
{{- if $s.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml $s.topologySpreadConstraints | nindent 2 }}
{{- else if ne $s.zones "none" }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: {{ ternary "DoNotSchedule" "ScheduleAnyway" (eq $s.zones "hard") }}
    labelSelector:
      matchLabels: {{- toYaml $own | nindent 8 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $s.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* What every pod of the chart has in common. */}}
{{- define "kafka.podCommon" -}}
serviceAccountName: {{ .Values.serviceAccount.name | default (include "kafka.name" .) }}
automountServiceAccountToken: false
# A Service named kafka would inject KAFKA_PORT and others, and slow every shell down.
enableServiceLinks: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "kafka.claim" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: data
    labels: {{- include "kafka.labels" . | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- if eq .storage.className "-" }}
    storageClassName: ""
    {{- else if .storage.className }}
    storageClassName: {{ .storage.className }}
    {{- end }}
    resources:
      requests:
        storage: {{ .storage.size }}
{{- end }}
