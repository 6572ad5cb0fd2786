{{/*
A StatefulSet of Kafka nodes. Takes a dict: root, kind (broker, controller), name, replicas,
values (resources, heap, storage, scheduling of this kind), labels' component.
*/}}
{{- define "kafka.statefulset" -}}
{{- $root := .root -}}
{{- $v := $root.Values -}}
{{- $broker := eq .kind "broker" -}}
{{- $kraft := eq $v.mode "kraft" -}}
{{- $labels := dict "root" $root "component" .kind -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  labels: {{- include "kafka.objectLabels" $labels | nindent 4 }}
  annotations:
    learnflow-kafka/chart-version: {{ $root.Chart.Version | quote }}
    learnflow-kafka/mode: {{ $v.mode }}
    {{- if and $broker $v.listeners.local.enabled }}
    learnflow-kafka/local-base-port: {{ int $v.listeners.local.basePort | quote }}
    {{- end }}
spec:
  replicas: {{ .replicas }}
  serviceName: {{ .name }}-headless
  # A node is ready when the quorum has a leader: started one by one, the first would wait forever.
  podManagementPolicy: Parallel
  minReadySeconds: {{ int $v.minReadySeconds }}
  updateStrategy:
    type: RollingUpdate
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: {{ $v.storage.whenDeleted }}
    whenScaled: {{ $v.storage.whenScaled }}
  selector:
    matchLabels: {{- include "kafka.labels" $labels | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "kafka.labels" $labels | nindent 8 }}
        {{- with $v.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: kafka
        checksum/config: {{ include "kafka.configChecksum" $root }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "kafka.podCommon" $root | nindent 6 }}
      terminationGracePeriodSeconds: {{ int $v.terminationGracePeriodSeconds }}
      {{- include "kafka.podScheduling" (dict "root" $root "component" .kind "nodeSelector" .values.nodeSelector "tolerations" .values.tolerations) | trim | nindent 6 }}
      containers:
        - name: kafka
          image: {{ include "kafka.kafkaImage" $root }}
          imagePullPolicy: {{ $v.image.pullPolicy }}
          command: [/bin/sh, /etc/learnflow/start.sh]
          securityContext: {{- toYaml $v.securityContext | nindent 12 }}
          env:
            - name: PATH
              value: /opt/kafka/bin:/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
            - name: POD_NAME
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            - {name: NODE_MODE, value: {{ $v.mode }}}
            - {name: NODE_KIND, value: {{ .kind }}}
            - {name: NODE_ID_BASE, value: {{ ternary "0" "1000" $broker | quote }}}
            - {name: NODE_COMBINED, value: {{ ternary (int $v.controllers.replicas) 0 (and $broker $kraft (not $v.controllers.dedicated)) | quote }}}
            - {name: NODE_VOTERS, value: {{ ternary (include "kafka.voters" $root) "" $kraft | quote }}}
            - {name: NODE_DOMAIN, value: {{ include "kafka.domain" (dict "root" $root "service" (printf "%s-headless" .name)) }}}
            - {name: NODE_CONTROLLER, value: "CONTROLLER://:9093"}
            - {name: NODE_LISTENERS, value: {{ ternary (include "kafka.listeners" $root) "" $broker | quote }}}
            - {name: NODE_ADVERTISED, value: {{ ternary (include "kafka.advertised" $root) "" $broker | quote }}}
            - {name: NODE_LOCAL_BASE, value: {{ int $v.listeners.local.basePort | quote }}}
            - {name: NODE_EXTERNAL, value: {{ join " " (ternary $v.listeners.external.advertised list $broker) | quote }}}
            - {name: NODE_CLUSTER_ID, value: {{ $v.clusterId | quote }}}
            - name: NODE_KEPT_CLUSTER_ID
              {{- if $kraft }}
              valueFrom: {configMapKeyRef: {name: {{ include "kafka.name" $root }}-cluster, key: clusterId}}
              {{- else }}
              value: ""
              {{- end }}
            - name: NODE_RACK
              {{- if and $broker $v.scheduling.rackLabel }}
              valueFrom: {fieldRef: {fieldPath: {{ printf "metadata.labels['%s']" $v.scheduling.rackLabel | quote }}}}
              {{- else }}
              value: ""
              {{- end }}
            - {name: NODE_HEAP_OPTS, value: {{ include "kafka.heapOptions" .values | quote }}}
            - {name: NODE_JVM_OPTS, value: {{ $v.jvmOptions | quote }}}
            - {name: NODE_OPTS, value: {{ $v.javaOptions | quote }}}
            - {name: NODE_HEALTH_PORT, value: {{ int $v.health.port | quote }}}
            {{- with $v.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            {{- if $broker }}
            - {name: client, containerPort: 9092}
            - {name: internal, containerPort: 9094}
            {{- if $v.listeners.local.enabled }}
            - {name: local, containerPort: 9095}
            {{- end }}
            {{- if $v.listeners.external.enabled }}
            - {name: external, containerPort: 9096}
            {{- end }}
            {{- end }}
            {{- if and $kraft (or (not $broker) (not $v.controllers.dedicated)) }}
            - {name: controller, containerPort: 9093}
            {{- end }}
            - {name: health, containerPort: {{ int $v.health.port }}}
          # The process answers. Kafka may then recover its logs for as long as it needs.
          startupProbe:
            httpGet: {path: /live, port: health}
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: {{ div (add $v.health.startupSeconds 1) 2 }}
          readinessProbe:
            httpGet: {path: /ready, port: health}
            periodSeconds: {{ int $v.health.readinessPeriodSeconds }}
            timeoutSeconds: 5
            failureThreshold: 3
          # Long silence alone: a broker that recovers, or has no quorum, answers and is left alone.
          livenessProbe:
            httpGet: {path: /live, port: health}
            periodSeconds: 30
            timeoutSeconds: 10
            failureThreshold: {{ max 1 (div $v.health.livenessSeconds 30) }}
          {{- if not $broker }}
          # Where all stop at once, brokers need a controller that lets them go.
          lifecycle:
            preStop:
              exec: {command: [sleep, "15"]}
          {{- end }}
          resources:
            {{- include "kafka.resources" .values | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: /var/lib/kafka/data}
            - {name: config, mountPath: /etc/learnflow, readOnly: true}
            - {name: tmp, mountPath: /tmp}
            {{- with $v.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: config
          configMap: {name: {{ include "kafka.name" $root }}-config}
        - name: tmp
          emptyDir: {sizeLimit: 256Mi}
        {{- if not $v.storage.enabled }}
        - name: data
          emptyDir: {}
        {{- end }}
        {{- with $v.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  {{- if $v.storage.enabled }}
  volumeClaimTemplates:
    {{- include "kafka.claim" (dict "root" $root "component" .kind "storage" .values.storage) | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Of a broker; start.sh adds CONTROLLER where it has that role. LOCAL is for port-forward alone. */}}
{{- define "kafka.listeners" -}}
CLIENT://:9092,INTERNAL://:9094
{{- if .Values.listeners.local.enabled }},LOCAL://127.0.0.1:9095{{ end }}
{{- if .Values.listeners.external.enabled }},EXTERNAL://:9096{{ end }}
{{- end }}

{{- define "kafka.advertised" -}}
CLIENT://@HOST@:9092,INTERNAL://@HOST@:9094
{{- if .Values.listeners.local.enabled }},LOCAL://localhost:@LOCAL_PORT@{{ end }}
{{- if .Values.listeners.external.enabled }},EXTERNAL://@EXTERNAL@{{ end }}
{{- end }}

{{/* Of what a running node has read: a change rolls the pods. The kept object is not part of it. */}}
{{- define "kafka.configChecksum" -}}
{{- $config := index (splitList "\n---\n" (include (print $.Template.BasePath "/configmap.yaml") .)) 0 -}}
{{- regexReplaceAll "(?m)^ *helm\\.sh/chart:.*$" $config "" | sha256sum -}}
{{- end }}
