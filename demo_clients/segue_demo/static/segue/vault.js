// What must survive a reload (the device key, grants, half-done transfers), in this origin's IndexedDB and nowhere else.
const DATABASE = "segue";
const STORE = "values";
let opening;

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

async function transaction(mode, work) {
  const opened = await database();
  return new Promise((resolve, reject) => {
    const running = opened.transaction(STORE, mode, { durability: "strict" });
    const request = work(running.objectStore(STORE));
    running.oncomplete = () => resolve(request.result);
    running.onabort = running.onerror = () => reject(running.error);
  });
}

export const get = (name) => transaction("readonly", (store) => store.get(name));
export const put = (name, value) => transaction("readwrite", (store) => store.put(value, name));
export const remove = (name) => transaction("readwrite", (store) => store.delete(name));

/** Put `value` unless there is one already; returns the one that stays, whichever tab was first. */
export async function putFirst(name, value) {
  try {
    await transaction("readwrite", (store) => store.add(value, name));
    return value;
  } catch (failure) {
    if (failure?.name !== "ConstraintError") throw failure;
    return get(name);
  }
}
