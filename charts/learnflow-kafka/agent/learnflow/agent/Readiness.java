package learnflow.agent;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import javax.management.InstanceNotFoundException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * Answers the kubelet's probes from inside the broker's process, over HTTP:
 *
 * <pre>
 * /live   204 while the process can answer at all
 * /ready  204 when the broker is registered and unfenced, 503 with the reason before
 * /state  200 with what /ready looks at, for people and tools
 * </pre>
 *
 * Options: {@code port=9404,broker=true,controller=false,zookeeper=false}.
 *
 * What tells that there is a quorum is the high watermark of the metadata log: nobody can advance
 * it without a majority, and the active controller does twice a second, though it be by a record
 * that says nothing (metadata.max.idle.interval.ms). The raft state does not tell: without a
 * majority a node alternates between following the leader that it remembers and looking for one,
 * also after a cold start.
 *
 * A node with a broker must have seen the watermark grow once since its start; a quorum that is
 * lost later does not make it unready. Else every broker would leave the Service at once, and a
 * cluster that still serves its data would be down. A controller without a broker is ready only
 * while the watermark grows.
 *
 * With ZooKeeper a broker that runs and is registered knows of no broker and no topic until a
 * controller has told it of them (UpdateMetadata), and some clients that hear of no broker at all
 * stop for good. Such a broker is ready once it has been told. That, too, is asked once: a
 * controller that is lost later does not make it unready. Of these requests Kafka counts those that
 * it has answered, and the errors among them: a controller that was replaced, or one that means the
 * process before this one, is refused and tells nothing. A controller that is new itself tells of
 * brokers first and of topics second; any controller tells again when it has given the broker its
 * partitions. So the second request settles it, and the first where no partition comes behind it.
 *
 * It uses java.base, java.instrument and java.management only, so that any JRE will do. Nothing
 * it does may stop the broker: it binds in a thread of its own, tries again while the port is
 * taken, and a probe that fails is an answer, not an exception.
 */
public final class Readiness {
    private static final int RUNNING = 3; // org.apache.kafka.metadata.BrokerState
    private static final int WORKERS = 4; // a client that says nothing holds one for a second
    private static final int SILENCE_MS = 1_000;
    private static final int LONGEST_REQUEST = 8_192;
    private static final int RETRY_MS = 5_000;
    private static final int LOOK_MS = 1_000;
    private static final String UNTOLD = "no controller has told this broker of the whole cluster yet";
    private static final long STALE_NS = 10_000_000_000L;
    private static final long SECOND_NS = 2_000_000_000L; // until no partition is expected any more
    private static final long ENOUGH_NS = 60_000_000_000L; // no broker waits longer once it was told

    private final int port;
    private final boolean broker;
    private final boolean controller;
    private final boolean zookeeper;
    private final MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
    private final ObjectName brokerState;
    private final ObjectName raft;
    private final ObjectName answered;
    private final ObjectName answers;
    private final ObjectName partitions;
    private volatile long committed = -1; // the highest watermark so far
    private volatile long grewAt; // when it was last seen to have grown; 0: never
    private volatile long toldAt; // when it was first seen to have been told something; 0: never
    private volatile boolean told; // of the whole cluster, by a controller

    private Readiness(int port, boolean broker, boolean controller, boolean zookeeper)
            throws Exception {
        this.port = port;
        this.broker = broker;
        this.controller = controller;
        this.zookeeper = zookeeper;
        brokerState = new ObjectName("kafka.server:type=KafkaServer,name=BrokerState");
        raft = new ObjectName("kafka.server:type=raft-metrics");
        String told = "kafka.network:type=RequestMetrics,request=UpdateMetadata,name=";
        answered = new ObjectName(told + "TotalTimeMs");
        answers = new ObjectName(told + "ErrorsPerSec,error=*");
        partitions = new ObjectName("kafka.server:type=ReplicaManager,name=PartitionCount");
    }

    /** Called by the JVM before Kafka's main. */
    public static void premain(String options) {
        daemon("readiness", () -> {
            try {
                new Readiness(
                        Integer.parseInt(option(options, "port", "9404")),
                        Boolean.parseBoolean(option(options, "broker", "true")),
                        Boolean.parseBoolean(option(options, "controller", "false")),
                        Boolean.parseBoolean(option(options, "zookeeper", "false"))).open();
            } catch (Exception wrong) {
                say("no probes: " + wrong);
            }
        });
    }

    private static String option(String options, String name, String otherwise) {
        for (String pair : options == null ? new String[0] : options.split(",")) {
            if (pair.startsWith(name + "=")) {
                return pair.substring(name.length() + 1);
            }
        }
        return otherwise;
    }

    private void open() throws InterruptedException {
        boolean told = false;
        while (true) {
            try {
                ServerSocket socket = new ServerSocket();
                socket.setReuseAddress(true);
                socket.bind(new InetSocketAddress(port), 64);
                if (controller) {
                    daemon("quorum", this::watch);
                }
                for (int i = 1; i < WORKERS; i++) {
                    daemon("readiness-" + i, () -> serve(socket));
                }
                serve(socket);
                return;
            } catch (IOException taken) {
                if (!told) {
                    say("port " + port + ": " + taken.getMessage() + "; trying again until it is free");
                    told = true;
                }
                Thread.sleep(RETRY_MS);
            }
        }
    }

    private void serve(ServerSocket socket) {
        while (true) {
            try (Socket client = socket.accept()) {
                client.setSoTimeout(SILENCE_MS);
                String path = path(client.getInputStream());
                if (path != null) {
                    answer(path, client.getOutputStream());
                }
            } catch (Throwable broken) { // the next probe must find this thread alive
                rest(); // without descriptors, accept fails again at once
            }
        }
    }

    private static void rest() {
        sleep(100);
    }

    private static void sleep(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException ignored) {
            Thread.currentThread().interrupt();
        }
    }

    /** Looks at the watermark once a second, so that the first probe may already be answered. */
    private void watch() {
        while (true) {
            try {
                look();
            } catch (Throwable broken) { // the next look must find this thread alive
                rest();
            }
            sleep(LOOK_MS);
        }
    }

    private void look() {
        long now = number(read(raft, "high-watermark"));
        if (now > committed) { // without a leader it is -1, and then what it was before
            if (committed >= 0) { // the first one was on the disk
                grewAt = System.nanoTime();
            }
            committed = now;
        }
    }

    private boolean commits() {
        return grewAt != 0 && (broker || System.nanoTime() - grewAt < STALE_NS);
    }

    /** Whether a running broker may still have to be told of the cluster by a controller. */
    private boolean untold() {
        if (told) {
            return false;
        }
        // Answers first: a refusal that comes in between makes it late, never early.
        Object count = read(answered, "Count");
        if (count == null) { // metrics.jmx.exclude hides it: nobody is held up for what cannot be seen
            return false;
        }
        long taken = number(count) - refused();
        if (taken > 1 || taken == 1 && isAll()) {
            told = true;
        }
        return !told;
    }

    /** Whether what a broker was told in one request was all that there is. */
    private boolean isAll() {
        long now = System.nanoTime();
        if (toldAt == 0) {
            toldAt = now;
        }
        long since = now - toldAt;
        return since > ENOUGH_NS || since > SECOND_NS && number(read(partitions, "Value")) <= 0;
    }

    private long refused() {
        long refused = 0;
        for (ObjectName answer : beans.queryNames(answers, null)) {
            if (!"NONE".equals(answer.getKeyProperty("error"))) {
                refused += Math.max(0, number(read(answer, "Count")));
            }
        }
        return refused;
    }

    /** The request's path; null if it is no HTTP request. Reads to the end of its headers. */
    private static String path(InputStream in) throws IOException {
        long deadline = System.nanoTime() + SILENCE_MS * 1_000_000L;
        byte[] buffer = new byte[LONGEST_REQUEST];
        int length = 0;
        while (length < buffer.length && System.nanoTime() < deadline) {
            int read = in.read(buffer, length, buffer.length - length);
            if (read < 0) {
                return null;
            }
            length += read;
            String text = new String(buffer, 0, length, StandardCharsets.ISO_8859_1);
            if (text.contains("\r\n\r\n") || text.contains("\n\n")) {
                String[] words = text.split("\\s", 3);
                return words.length == 3 ? words[1] : null;
            }
        }
        return null;
    }

    private void answer(String path, OutputStream out) throws IOException {
        switch (path) {
            case "/live":
                write(out, "204 No Content", "");
                break;
            case "/ready":
                String missing = missing();
                write(out, missing.isEmpty() ? "204 No Content" : "503 Service Unavailable", missing);
                break;
            case "/state":
                write(out, "200 OK", state());
                break;
            default:
                write(out, "404 Not Found", "/live, /ready or /state");
        }
    }

    private static void write(OutputStream out, String status, String body) throws IOException {
        byte[] bytes = body.isEmpty() ? new byte[0] : (body + "\n").getBytes(StandardCharsets.UTF_8);
        String length = status.startsWith("204") ? "" : "Content-Length: " + bytes.length + "\r\n";
        String head = "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\n" + length
                + "Connection: close\r\n\r\n";
        out.write(head.getBytes(StandardCharsets.ISO_8859_1));
        out.write(bytes);
        out.flush();
    }

    /** Why this node is not ready; empty if it is. */
    private String missing() {
        if (controller && !commits()) {
            return "the metadata quorum commits nothing here: raft state is " + raftState();
        }
        int state = broker ? state(brokerState) : RUNNING;
        if (state != RUNNING) {
            return "broker state is " + name(state);
        }
        return zookeeper && untold() ? UNTOLD : "";
    }

    private String state() {
        boolean ready = missing().isEmpty();
        return "broker=" + (broker ? name(state(brokerState)) : "none")
                + " raft=" + (controller ? raftState() : "none")
                + (zookeeper ? " told=" + told : "")
                + " ready=" + ready;
    }

    private String raftState() {
        Object value = read(raft, "current-state");
        return value == null ? "unknown" : value.toString();
    }

    private int state(ObjectName bean) {
        return (int) number(read(bean, "Value"));
    }

    private static long number(Object value) {
        return value instanceof Number ? ((Number) value).longValue() : -1;
    }

    private Object read(ObjectName bean, String attribute) {
        try {
            return beans.getAttribute(bean, attribute);
        } catch (InstanceNotFoundException early) {
            return null; // Kafka has not come that far
        } catch (Exception wrong) {
            return "unreadable: " + wrong;
        }
    }

    private static String name(int state) {
        switch (state) {
            case 0: return "not running";
            case 1: return "starting";
            case 2: return "recovery";
            case RUNNING: return "running";
            case 6: return "pending controlled shutdown";
            case 7: return "shutting down";
            default: return "unknown";
        }
    }

    private static void daemon(String name, Runnable work) {
        Thread thread = new Thread(work, "learnflow-" + name);
        thread.setDaemon(true);
        thread.start();
    }

    private static void say(String text) {
        System.err.println("[learnflow readiness] " + text);
    }
}
