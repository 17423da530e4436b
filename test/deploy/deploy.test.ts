/** What `deploy/` must keep to: each file parses, is used and names this release; the base is kubeadm's; overlays build. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { test } from "node:test";
import { loadAll } from "js-yaml";
import { manifestUsage } from "../../src/cli/manifest-command.ts";
import { loadConfiguration } from "../../src/supervisor/configuration.ts";

const ROOT = join(import.meta.dirname, "../..");
const DEPLOY = join(ROOT, "deploy");
const VERSION = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version as string;

// biome-ignore lint/suspicious/noExplicitAny: the shape of each kind is what the assertions are about
type Document = Record<string, any>;

const read = (file: string): Document[] => loadAll(readFileSync(file, "utf8")) as Document[];
const files = globSync("**/*.yaml", { cwd: DEPLOY }).sort();
const folders = files.filter((file) => basename(file) === "kustomization.yaml").map((file) => dirname(file));

/** What a kustomization takes in from its own folder. */
function listed(folder: string): string[] {
  const [list] = read(join(DEPLOY, folder, "kustomization.yaml"));
  const patches = (list!.patches ?? []).map(({ path }: { path?: string }) => path).filter(Boolean);
  const generated = (list!.configMapGenerator ?? []).flatMap((map: { files: string[] }) => map.files);
  return [...(list!.resources ?? []), ...patches, ...generated];
}

const resources = folders.flatMap((folder) =>
  listed(folder)
    .filter((path) => path.endsWith(".yaml") && !Array.isArray(read(join(DEPLOY, folder, path))[0]))
    .flatMap((path) => read(join(DEPLOY, folder, path)).map((document) => ({ file: join(folder, path), document }))),
);

test("deploy: there is something to check", () => {
  assert.deepEqual(folders, [
    "base",
    "components/autoscaling",
    "components/istio",
    "components/monitoring",
    "components/multicluster",
    "overlays/minikube",
    "overlays/node-local",
    "overlays/stub-server",
  ]);
});

for (const folder of folders) {
  test(`deploy/${folder}: every file is there and is used`, () => {
    const names = listed(folder);
    for (const name of names) assert.ok(existsSync(join(DEPLOY, folder, name)), name);
    const present = globSync("*", { cwd: join(DEPLOY, folder) }).filter((name) => name !== "kustomization.yaml");
    assert.deepEqual(present.sort(), names.filter((name) => !name.startsWith("..")).sort());
  });
}

for (const { file, document } of resources) {
  test(`deploy/${file}: ${document.kind} is whole`, () => {
    for (const field of ["apiVersion", "kind"]) assert.equal(typeof document[field], "string", field);
    assert.match(document.metadata.name, /^[a-z0-9:-]+$/);
  });
}

const workloads = resources.filter(({ document }) => document.spec?.template !== undefined);

for (const { file, document } of workloads) {
  const { metadata, spec } = document.spec.template as Document;
  const [container] = spec.containers as [Document];

  test(`deploy/${file}: this release, with nothing but its one capability`, () => {
    assert.equal(container.image, `weftdns:${VERSION}`);
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
      readOnlyRootFilesystem: true,
    });
    assert.equal(spec.hostNetwork, undefined);
  });

  test(`deploy/${file}: selectors, ports and probes meet`, () => {
    const selectors = [document.spec.selector.matchLabels];
    for (const other of resources.filter((it) => dirname(it.file) === dirname(file))) {
      if (other.document.kind === "Service") selectors.push(other.document.spec.selector);
      if (other.document.kind === "PodDisruptionBudget") selectors.push(other.document.spec.selector.matchLabels);
    }
    for (const selector of selectors) assert.deepEqual(selector, metadata.labels);
    const ports = new Map<string, number>(
      container.ports.map((port: Document) => [port.name, port.containerPort] as const),
    );
    assert.deepEqual([...ports.values()], [53, 53, 9153, 8080, 8181]);
    assert.equal(ports.get(container.livenessProbe.httpGet.port), 8080);
    assert.equal(ports.get(container.readinessProbe.httpGet.port), 8181);
    assert.deepEqual(container.args, ["-conf", join(container.volumeMounts[0].mountPath, "Corefile")]);
  });
}

/** Facts of the objects that kubeadm creates; a tool that looks for CoreDNS finds it by these. */
for (const { kind, path, is } of [
  { kind: "ServiceAccount", path: "metadata", is: { name: "coredns", namespace: "kube-system" } },
  { kind: "ClusterRole", path: "metadata.name", is: "system:coredns" },
  {
    kind: "ClusterRole",
    path: "rules",
    is: [
      { apiGroups: [""], resources: ["endpoints", "services", "pods", "namespaces"], verbs: ["list", "watch"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
    ],
  },
  { kind: "ClusterRoleBinding", path: "metadata.name", is: "system:coredns" },
  { kind: "ClusterRoleBinding", path: "roleRef.name", is: "system:coredns" },
  {
    kind: "ClusterRoleBinding",
    path: "subjects",
    is: [{ kind: "ServiceAccount", name: "coredns", namespace: "kube-system" }],
  },
  { kind: "ConfigMap", path: "metadata", is: { name: "coredns", namespace: "kube-system" } },
  {
    kind: "Service",
    path: "metadata",
    is: {
      name: "kube-dns",
      namespace: "kube-system",
      labels: {
        "k8s-app": "kube-dns",
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "CoreDNS",
      },
      annotations: { "prometheus.io/port": "9153", "prometheus.io/scrape": "true" },
    },
  },
  {
    kind: "Service",
    path: "spec.ports",
    is: [
      { name: "dns", port: 53, protocol: "UDP", targetPort: 53 },
      { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: 53 },
      { name: "metrics", port: 9153, protocol: "TCP", targetPort: 9153 },
    ],
  },
  {
    kind: "Deployment",
    path: "metadata",
    is: { name: "coredns", namespace: "kube-system", labels: { "k8s-app": "kube-dns" } },
  },
  { kind: "Deployment", path: "spec.replicas", is: 2 },
  { kind: "Deployment", path: "spec.strategy.rollingUpdate", is: { maxUnavailable: 1 } },
  { kind: "Deployment", path: "spec.template.spec.priorityClassName", is: "system-cluster-critical" },
  { kind: "Deployment", path: "spec.template.spec.serviceAccountName", is: "coredns" },
  { kind: "Deployment", path: "spec.template.spec.dnsPolicy", is: "Default" },
  { kind: "Deployment", path: "spec.template.spec.containers.0.name", is: "coredns" },
  {
    kind: "Deployment",
    path: "spec.template.spec.containers.0.resources",
    is: { limits: { memory: "170Mi" }, requests: { cpu: "100m", memory: "70Mi" } },
  },
  {
    kind: "Deployment",
    path: "spec.template.spec.containers.0.livenessProbe",
    is: {
      httpGet: { path: "/health", port: "liveness-probe", scheme: "HTTP" },
      initialDelaySeconds: 60,
      timeoutSeconds: 5,
      successThreshold: 1,
      failureThreshold: 5,
    },
  },
  {
    kind: "Deployment",
    path: "spec.template.spec.containers.0.readinessProbe",
    is: { httpGet: { path: "/ready", port: "readiness-probe", scheme: "HTTP" } },
  },
  {
    kind: "Deployment",
    path: "spec.template.spec.volumes",
    is: [
      {
        name: "config-volume",
        configMap: { name: "coredns", items: [{ key: "Corefile", path: "Corefile" }] },
      },
    ],
  },
] as const)
  test(`deploy/base: ${kind} ${path} is kubeadm's`, () => {
    const { document } = resources.find((it) => it.file.startsWith("base/") && it.document.kind === kind)!;
    const found = path.split(".").reduce<Document>((value, name) => value[name], document);
    assert.deepEqual(found, is);
  });

const corefiles = [
  ...resources
    .filter(({ document }) => document.kind === "ConfigMap")
    .map(({ file, document }) => ({ file, folder: ROOT, text: document.data.Corefile as string })),
  ...globSync("**/Corefile", { cwd: DEPLOY }).map((file) => ({
    file,
    folder: dirname(join(DEPLOY, file)),
    text: readFileSync(join(DEPLOY, file), "utf8"),
  })),
];

for (const { file, folder, text } of corefiles)
  test(`deploy/${file}: the Corefile is good`, async () => {
    // What the volume holds stands beside the Corefile here.
    const loaded = await loadConfiguration(
      { file, text: text.replaceAll("/etc/coredns", folder), dnsPort: 53, logFormat: "text", environment: {} },
      0,
    );
    if (Array.isArray(loaded)) assert.fail(loaded.map(({ message }) => message).join("\n"));
  });

// Programs that build a kustomization, the first that is there.
const kustomize = [
  ["kustomize", "build"],
  ["kubectl", "kustomize"],
].find(([program]) => spawnSync("which", [program!]).status === 0);
const skip = kustomize === undefined && "not installed: kustomize, kubectl";

function build(folder: string): Document[] {
  const { stdout, stderr, status } = spawnSync(kustomize![0]!, [kustomize![1]!, folder], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return loadAll(stdout) as Document[];
}

const kinds = (documents: Document[]): string[] => documents.map(({ kind }) => kind as string).sort();
const BASE_KINDS = [
  "ClusterRole",
  "ClusterRoleBinding",
  "ConfigMap",
  "Deployment",
  "PodDisruptionBudget",
  "Service",
  "ServiceAccount",
];

for (const { folder, has, check } of [
  { folder: "base", has: BASE_KINDS },
  {
    folder: "overlays/minikube",
    has: BASE_KINDS.filter((kind) => kind !== "ConfigMap"),
    check: (built: Document[]) => {
      const { replicas, template } = built.find(({ kind }) => kind === "Deployment")!.spec;
      assert.equal(replicas, 1);
      assert.equal(template.spec.containers[0].imagePullPolicy, "Never");
      assert.equal(template.spec.containers[0].ports.length, 5);
    },
  },
  { folder: "overlays/node-local", has: ["ConfigMap", "DaemonSet", "Service"] },
  {
    folder: "overlays/stub-server",
    has: ["ConfigMap", "Namespace", "PodDisruptionBudget", "Service", "Service", "StatefulSet"],
    check: (built: Document[]) => {
      const find = (name: string, kind: string) =>
        built.find((document) => document.kind === kind && document.metadata.name === name)!;
      assert.deepEqual(Object.keys(find("dns", "ConfigMap").data), ["Corefile", "db.example.org"]);
      assert.equal(find("dns", "Service").spec.clusterIP, "None");
      assert.equal(find("dns", "StatefulSet").spec.serviceName, "dns");
      // The zone's name server is the address that the cluster's DNS forwards to.
      assert.match(find("dns", "ConfigMap").data["db.example.org"], /^ns +A +10\.96\.0\.53$/m);
      assert.equal(find("dns-all", "Service").spec.clusterIP, "10.96.0.53");
    },
  },
] as { folder: string; has: string[]; check?: (built: Document[]) => void }[])
  test(`deploy/${folder}: builds`, { skip }, () => {
    const built = build(join(DEPLOY, folder));
    assert.deepEqual(kinds(built), has);
    check?.(built);
  });

test("deploy/components: all can be added to the base at once", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "weftdns-deploy-"));
  const to = (path: string) => relative(folder, join(DEPLOY, path));
  const components = folders.filter((it) => it.startsWith("components/")).map(to);
  writeFileSync(join(folder, "kustomization.yaml"), JSON.stringify({ resources: [to("base")], components }));
  const built = build(folder);
  rmSync(folder, { recursive: true });
  assert.deepEqual(kinds(built), [...BASE_KINDS, "HorizontalPodAutoscaler", "ServiceMonitor"].sort());
  const { rules } = built.find(({ kind }) => kind === "ClusterRole")!;
  assert.deepEqual(
    rules.flatMap(({ resources: names }: { resources: string[] }) => names),
    ["endpoints", "services", "pods", "namespaces", "endpointslices", "serviceentries", "serviceimports"],
  );
  for (const { verbs } of rules) assert.deepEqual(verbs, ["list", "watch"]);
});

test("docs/kubernetes.md: names what is there", () => {
  const page = readFileSync(join(ROOT, "docs/kubernetes.md"), "utf8");
  const named = new Set([...page.matchAll(/`(deploy\/[\w/-]+)`/g)].map(([, path]) => path!.replace("deploy/", "")));
  assert.deepEqual([...named].sort(), folders);
  for (const [, flag] of manifestUsage().matchAll(/^ {2}-([\w-]+) /gm)) assert.ok(page.includes(`\`--${flag} `), flag);
});

test("docs/kubernetes.md: makes objects of the alert rules", () => {
  const page = readFileSync(join(ROOT, "docs/kubernetes.md"), "utf8");
  const [, recipe] = /```sh\n(for name in (?:.*\n)*?done \|) kubectl apply -f -\n```/.exec(page)!;
  const { stdout, stderr } = spawnSync("sh", ["-c", `${recipe} cat`], { cwd: ROOT, encoding: "utf8" });
  assert.equal(stderr, "");
  const rules = loadAll(stdout) as Document[];
  const files = globSync("*.yaml", { cwd: join(ROOT, "grafana/alerts") }).sort();
  assert.deepEqual(
    rules.map(({ metadata }) => `${metadata.name}.yaml`),
    files,
  );
  for (const [at, { spec }] of rules.entries()) {
    assert.deepEqual(spec, read(join(ROOT, "grafana/alerts", files[at]!))[0]);
  }
  // Their job is what the ServiceMonitor makes of the Service's label.
  const monitor = resources.find(({ document }) => document.kind === "ServiceMonitor")!.document;
  const service = resources.find(({ file }) => file === "base/service.yaml")!.document;
  assert.match(JSON.stringify(rules), new RegExp(`job=~.*\\b${service.metadata.labels[monitor.spec.jobLabel]}\\b`));
});
