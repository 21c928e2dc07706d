// SPDX-License-Identifier: Apache-2.0

// Reads all ConfigMaps with the informer of @kubernetes/client-node, and writes down what it
// is told, in the lines that ../python/client.py describes.
//
//   client.mjs kubeconfig FILE MARKER
//   client.mjs cluster FOLDER MARKER     in a pod whose root is FOLDER

import { createHash } from 'node:crypto';
import * as k8s from '@kubernetes/client-node';

const [, , from, path, marker] = process.argv;
const say = (line) => console.log(JSON.stringify(line));

const config = new k8s.KubeConfig();
if (from === 'cluster') {
  config.loadFromCluster(path);
} else {
  config.loadFromFile(path);
}
const api = config.makeApiClient(k8s.CoreV1Api);

const informer = k8s.makeInformer(config, '/api/v1/configmaps', () => {
  say({ asks: 'list' });
  return api.listConfigMapForAllNamespaces();
});

function told(type, object) {
  const { namespace, name, uid, resourceVersion: version } = object.metadata;
  const sha256 = createHash('sha256').update(JSON.stringify(object)).digest('hex');
  say({ type, name: `${namespace}/${name}`, uid, version, sha256 });
  if (name === marker) {
    setImmediate(finish); // the informer has told all before it is asked
  }
}

function finish() {
  const final = {};
  for (const { metadata: m } of informer.list()) {
    final[`${m.namespace}/${m.name}`] = `${m.uid}@${m.resourceVersion}`;
  }
  say({ final });
  process.exit(0);
}

informer.on('add', (object) => told('ADDED', object));
informer.on('update', (object) => told('MODIFIED', object));
informer.on('delete', (object) => told('DELETED', object));
informer.on('connect', () => say({ asks: 'watch' }));
// An informer that has seen an error stands still until it is started again.
informer.on('error', (error) => {
  say({ trouble: String(error) });
  setTimeout(() => informer.start(), 100);
});
informer.start();
