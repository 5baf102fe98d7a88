/* proto/schema_launcher.h - messages: between an agent and its launcher. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_LAUNCHER_H
#define PROFFER_PROTO_SCHEMA_LAUNCHER_H

/* clang-format off */

#define RECORDS_LAUNCHER(R) \
    R(folder_entry, FOLDER_ENTRY)

#define MESSAGES_LAUNCHER(M) \
    M(100, launcher_configure, LAUNCHER_CONFIGURE, "A>L", "first message, from who has started it: what may be done here") \
    M(101, launch_container,   LAUNCH_CONTAINER,   "A>L", \
      "answered by container_started, then container_exited, or only the latter") \
    M(102, signal_container,   SIGNAL_CONTAINER,   "A>L", "of a container that has ended: nothing happens") \
    M(103, usage_request,      USAGE_REQUEST,      "A>L", "answered by usage_reply") \
    M(104, launcher_ready,     LAUNCHER_READY,     "L>A", "answers launcher_recover") \
    M(105, container_started,  CONTAINER_STARTED,  "L>A", "the command was executed") \
    M(106, container_exited,   CONTAINER_EXITED,   "L>A shim", "everything in it has ended") \
    M(107, usage_reply,        USAGE_REPLY,        "L>A", \
      "answers usage_request; containers that have ended are left out") \
    M(108, forget_container,   FORGET_CONTAINER,   "A>L", \
      "its end is written down by the agent: its exit record may go") \
    M(109, launcher_end,       LAUNCHER_END,       "A>L", \
      "kill everything, clean up, exit; a channel that closes without it leaves all containers running") \
    M(170, collect_sandboxes,  COLLECT_SANDBOXES,  "A>L", \
      "remove what ended tasks have left; answered by sandboxes_collected, one at a time") \
    M(171, sandboxes_collected, SANDBOXES_COLLECTED, "L>A", "answers collect_sandboxes") \
    M(173, check_container,    CHECK_CONTAINER,    "A>L", "look once whether it is well; answered by container_checked") \
    M(175, container_fetching, CONTAINER_FETCHING, "L>A", "it is not started yet: how far its URIs are fetched") \
    M(176, fetch,              FETCH,              "shim", "what a shim says to the program that fetches") \
    M(179, container_kept,     CONTAINER_KEPT,     "shim", "in a container's record: as whom it runs, for who looks at it") \
    M(174, container_checked,  CONTAINER_CHECKED,  "L>A", "answers check_container; nothing, when it has ended meanwhile") \
    M(110, update_container,   UPDATE_CONTAINER,   "A>L", "new limits for one that runs; answered by container_updated") \
    M(111, container_updated,  CONTAINER_UPDATED,  "L>A", "answers update_container") \
    M(112, launcher_recover,   LAUNCHER_RECOVER,   "A>L A>D", \
      "second message, from who keeps the checkpoint; answered by launcher_ready or docker_ready") \
    M(113, make_volume,        MAKE_VOLUME,        "desk", "an empty folder, on disk when it is answered by desk_answer") \
    M(114, remove_volume,      REMOVE_VOLUME,      "desk", "into the trash; answered by desk_answer. One that is not there is no error") \
    M(115, open_file,          OPEN_FILE,          "desk", \
      "of a sandbox, by the rights of whom that belongs to; answered by desk_answer with a descriptor") \
    M(117, desk_answer,        DESK_ANSWER,        "desk", "answers each of these") \
    M(118, folder_listing,     FOLDER_LISTING,     "desk", "what is in the memory file that comes as the descriptor of a folder")

#define FIELDS_LAUNCHER_CONFIGURE(F, R) \
    F(R, STR,  1, records_dir, MESSAGE_MAX, FIELD_REQUIRED, "where shims write how their task ended") \
    F(R, STRS, 2, isolation,   TEXT_MAX,    0, "isolators wanted, in order") \
    F(R, STR,  3, cgroup_root, TEXT_MAX,    FIELD_REQUIRED, \
      "path of our group below each mount, as `proffer/a1`") \
    F(R, INT,  4, pids_max,    0,           FIELD_NOT_NEGATIVE, "of a task that does not say") \
    F(R, INT,  5, log_max_bytes, 0,         FIELD_NOT_NEGATIVE, "size at which stdout and stderr rotate") \
    F(R, INT,  6, log_files,   0,           FIELD_NOT_NEGATIVE, "how many are kept, the current one included") \
    F(R, STRS, 7, recover,     ID_TEXT,     FIELD_ID, \
      "what launcher_recover says takes its place") \
    F(R, REC,  30, fetcher,   fetcher_info, 0, "absent: tasks cannot have URIs fetched") \
    F(R, STR,  31, programs_dir, MESSAGE_MAX, 0, \
      "where proffer-check and proffer-fetcher are") \
    F(R, RECS, 10, options,    label_info,  0, "of isolators, as `volume/host.allow`") \
    F(R, STRS, 11, modules,    MESSAGE_MAX, 0, "files with isolators that are not built in") \
    F(R, STRS, 110, devices,   TEXT_MAX,    0, "that every task may use, as `/dev/fuse:rw`") \
    F(R, RECS, 111, gpus,      gpu_info,    0, "devices that only who is granted one may use") \
    F(R, STR, 130, executors_dir, MESSAGE_MAX, 0, "absolute: where the socket for executors is") \
    F(R, STR,  140, sandboxes_dir, MESSAGE_MAX, 0, "absolute: no sandbox is anywhere else") \
    F(R, STR,  141, volumes_dir, MESSAGE_MAX, 0, "absolute: no volume is anywhere else; empty: there are none") \
    F(R, STR,  142, trash_dir, MESSAGE_MAX, 0, "absolute, beside it: takes volumes that are removed") \
    F(R, STRS, 143, users,     TEXT_MAX,    0, "that tasks may run as; none: whoever is not the agent's") \
    F(R, INT,  144, agent_uid, 0,           FIELD_NOT_NEGATIVE, \
      "no task runs as that user, unless `users` names it; 0: the agent is root")

#define FIELDS_LAUNCHER_RECOVER(F, R) \
    F(R, STRS, 1, recover,     ID_TEXT,     FIELD_ID, \
      "containers launched earlier whose end the agent has not written down; any other one is removed")

#define FIELDS_MAKE_VOLUME(F, R) \
    F(R, STR,  1, role,        255,         FIELD_REQUIRED, "name of the folder above, without a slash") \
    F(R, STR,  2, id,          255,         FIELD_REQUIRED, "name of the folder")

#define FIELDS_REMOVE_VOLUME(F, R) \
    F(R, STR,  1, role,        255,         FIELD_REQUIRED, "as in make_volume") \
    F(R, STR,  2, id,          255,         FIELD_REQUIRED, "")

#define FIELDS_OPEN_FILE(F, R) \
    F(R, BYTES, 1, path,       MESSAGE_MAX, FIELD_REQUIRED, "relative to the folder of sandboxes") \
    F(R, BOOL, 2, folder,      0,           0, "a folder is wanted, and nothing else; else a regular file") \
    F(R, BOOL, 3, watched,     0,           0, "a file: its answer brings a second descriptor, always of the same inotify, in which it is watched")

#define FIELDS_DESK_ANSWER(F, R) \
    F(R, INT,  1, code,        0,           FIELD_NOT_NEGATIVE, "an errno of Linux; 0: it is done") \
    F(R, STR,  2, error,       MESSAGE_MAX, 0, "for a person") \
    F(R, INT,  3, watch,       0,           FIELD_NOT_NEGATIVE, "inotify's number, of a file that is watched")

#define FIELDS_FOLDER_LISTING(F, R) \
    F(R, RECS, 1, entries,     folder_entry, 0, "in no order, and not more than can be shown")

#define FIELDS_FOLDER_ENTRY(F, R) \
    F(R, BYTES, 1, name,       255,         FIELD_REQUIRED, "") \
    F(R, INT,  2, mode,        0,           FIELD_NOT_NEGATIVE, "with its kind, as stat(2)") \
    F(R, INT,  3, links,       0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  4, size,        0,           FIELD_NOT_NEGATIVE, "bytes") \
    F(R, INT,  5, mtime,       0,           0, "wall clock, in seconds") \
    F(R, INT,  6, uid,         0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  7, gid,         0,           FIELD_NOT_NEGATIVE, "")

#define FIELDS_LAUNCH_CONTAINER(F, R) \
    F(R, STR,  1, container_id, ID_TEXT,       FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, sandbox,      MESSAGE_MAX,   FIELD_REQUIRED, "absolute path; made by the launcher") \
    F(R, STR,  3, user,         TEXT_MAX,      0, "empty: the launcher's own") \
    F(R, REC,  4, command,      command_info,  FIELD_REQUIRED, "its env is complete: the shim adds nothing") \
    F(R, RECS, 5, resources,    resource_info, 0, "its share, and its limits where `limits` does not say") \
    F(R, INT,  6, pids_max,     0,             FIELD_NOT_NEGATIVE, "") \
    F(R, RECS, 10, limits,      limit_info,    0, "above its resources") \
    F(R, RECS, 11, volumes,     volume_link,   0, "") \
    F(R, REC,  20, isolation,   isolation_info, 0, "") \
    F(R, STR, 110, cpus,        TEXT_MAX,      0, "hardware threads; empty: all that there are") \
    F(R, STR, 111, mems,        TEXT_MAX,      0, "NUMA nodes; empty: all that there are") \
    F(R, STRS, 112, gpus,       ID_TEXT,       FIELD_ID, "by the names of launcher_configure") \
    F(R, REC,  30, docker,      docker_info,   0, "for proffer-docker") \
    F(R, RECS, 31, labels,      label_info,    0, "to find it by: agent, framework, task") \
    F(R, REC, 120, group,       group_info,    0, "it is the holder of a group: it runs no command, and is there for the others to join") \
    F(R, STR, 121, holder,      ID_TEXT,       FIELD_ID, "of a task of a group: whom it joins") \
    F(R, STR, 122, group_folder, MESSAGE_MAX,  0, "with it: the holder's sandbox, where the group's volumes are") \
    F(R, BOOL, 130, executor,   0,             0, "a root of its own has executors_dir in it, as /proffer") \
    F(R, BOOL, 131, checked,    0,             0, "it is to be looked at; of another container check_container is refused")

#define FIELDS_SIGNAL_CONTAINER(F, R) \
    F(R, STR,  1, container_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BOOL, 2, kill,         0,       0, \
      "SIGKILL everything in it; else SIGTERM to the command's process group") \
    F(R, BOOL, 30, docker,       0,       0, "for proffer-docker")

#define FIELDS_USAGE_REQUEST(F, R) \
    F(R, INT,  1, number,        0,       0, "returned in the reply") \
    F(R, STRS, 2, container_ids, ID_TEXT, FIELD_ID, "empty: all") \
    F(R, BOOL, 110, total,       0,       0, "only what all use together, as that of a container `all`")

#define FIELDS_LAUNCHER_READY(F, R) \
    F(R, STRS, 1, isolation, TEXT_MAX,    0, "isolators in use") \
    F(R, STRS, 2, warnings,  MESSAGE_MAX, 0, "what was wanted and cannot be had here, and why") \
    F(R, STR,  3, cgroups,   TEXT_MAX,    0, "v1, v2, hybrid or none") \
    F(R, STR,  4, error,     MESSAGE_MAX, 0, "why nothing can be launched; then the launcher exits")

#define FIELDS_CONTAINER_STARTED(F, R) \
    F(R, STR, 1, container_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2, pid,          0,       FIELD_NOT_NEGATIVE, "of the command") \
    F(R, INT, 3, started_us,   0,       0, "wall clock") \
    F(R, STR, 30, network_address, TEXT_MAX, 0, "of its own network; empty: it has its host's")

#define FIELDS_CONTAINER_EXITED(F, R) \
    F(R, STR,  1,  container_id,   ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC,  2,  exit,           exit_info,   0, "absent: the command never ran, or its end was not seen") \
    F(R, STR,  3,  error,          MESSAGE_MAX, 0, "why it never ran, or why its end was not seen") \
    F(R, ENUM, 4,  limitation,     task_reason, 0, "the limit that ended it") \
    F(R, STR,  5,  message,        MESSAGE_MAX, 0, "about the limitation") \
    F(R, INT,  6,  peak_mem_bytes, 0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  7,  cpu_user_us,    0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  8,  cpu_system_us,  0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  9,  stdout_bytes,   0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  10, stderr_bytes,   0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  11, started_us,     0,           0, "wall clock") \
    F(R, INT,  12, ended_us,       0,           0, "wall clock") \
    F(R, BOOL, 13, never_launched, 0,           0, \
      "of one to recover: the order was lost with an earlier launcher, and nothing of it ever ran") \
    F(R, BOOL, 30, docker,         0,           0, "told by proffer-docker")

#define FIELDS_USAGE_REPLY(F, R) \
    F(R, INT,  1, number, 0,          0, "") \
    F(R, RECS, 2, usages, usage_info, 0, "")

#define FIELDS_FORGET_CONTAINER(F, R) \
    F(R, STR, 1,  container_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 20, sandbox,      MESSAGE_MAX, 0, "its age begins now; empty: there is none") \
    F(R, BOOL, 30, docker,      0,           0, "for proffer-docker; the launcher has its sandbox")

#define FIELDS_COLLECT_SANDBOXES(F, R) \
    F(R, STR, 1, sandboxes_dir,   MESSAGE_MAX, FIELD_REQUIRED, "absolute; a sandbox is two levels below") \
    F(R, INT, 2, ended_before_us, 0,           0, "wall clock: of tasks that ended before, oldest first") \
    F(R, STRS, 3, keep,           ID_TEXT,     FIELD_ID, "containers that live, whoever holds them")

#define FIELDS_SANDBOXES_COLLECTED(F, R) \
    F(R, INT, 1, removed,       0,           FIELD_NOT_NEGATIVE, "sandboxes") \
    F(R, INT, 2, removed_bytes, 0,           FIELD_NOT_NEGATIVE, "that this has freed") \
    F(R, INT, 3, left,          0,           FIELD_NOT_NEGATIVE, "sandboxes, those of live tasks included") \
    F(R, INT, 4, oldest_us,     0,           0, "wall clock: no task whose sandbox is left ended before; 0: none is left") \
    F(R, INT, 5, failed,        0,           FIELD_NOT_NEGATIVE, "that could not be removed, now or earlier") \
    F(R, STR, 6, error,         MESSAGE_MAX, 0, "why, of the first of them; or why nothing was done")

#define FIELDS_CHECK_CONTAINER(F, R) \
    F(R, STR, 1, container_id, ID_TEXT,    FIELD_REQUIRED | FIELD_ID, "one that was started") \
    F(R, INT, 2, number,       0,          0, "returned in the answer") \
    F(R, REC, 3, check,        check_info, FIELD_REQUIRED, "its ports and the command's env are complete") \
    F(R, BOOL, 30, docker,     0,          0, "for proffer-docker")

#define FIELDS_CONTAINER_KEPT(F, R) \
    F(R, STR,  1, container_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, sandbox,      MESSAGE_MAX, 0, "as it sees it") \
    F(R, BOOL, 3, has_user,     0,           0, "else it is who its launcher is") \
    F(R, INT,  4, uid,          0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  5, gid,          0,           FIELD_NOT_NEGATIVE, "") \
    F(R, BYTES, 6, groups,      4096,        0, "supplementary ones, as the host has gid_t") \
    F(R, REC,  7, isolation,    isolation_info, 0, "without mounts and ports") \
    F(R, RECS, 8, rlimits,      rlimit_info, 0, "")

#define FIELDS_CONTAINER_CHECKED(F, R) \
    F(R, STR, 1, container_id, ID_TEXT,      FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2, number,       0,            0, "") \
    F(R, REC, 3, result,       check_status, FIELD_REQUIRED, "")

#define FIELDS_CONTAINER_FETCHING(F, R) \
    F(R, STR, 1, container_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2, uri,          0,       FIELD_NOT_NEGATIVE, "which of them, from 0") \
    F(R, INT, 3, bytes,        0,       FIELD_NOT_NEGATIVE, "of it, that are there")

#define FIELDS_FETCH(F, R) \
    F(R, RECS, 1, uris,     uri_info,     0, "") \
    F(R, REC,  2, settings, fetcher_info, FIELD_REQUIRED, "") \
    F(R, BOOL, 3, has_user, 0,            0, "it works as that user; else as who it is") \
    F(R, INT,  4, uid,      0,            FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  5, gid,      0,            FIELD_NOT_NEGATIVE, "") \
    F(R, BYTES, 6, groups,  4096,         0, "supplementary ones, as the host has gid_t")

#define FIELDS_UPDATE_CONTAINER(F, R) \
    F(R, STR,  1, container_id, ID_TEXT,       FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT,  2, number,       0,             0, "returned in the answer; 0: nobody waits for it") \
    F(R, RECS, 3, resources,    resource_info, 0, "all of them, not what is added") \
    F(R, RECS, 4, limits,       limit_info,    0, "above its resources") \
    F(R, INT, 110, pids_max,    0,             FIELD_NOT_NEGATIVE, "") \
    F(R, STR, 111, cpus,        TEXT_MAX,      0, "empty: as they are") \
    F(R, STR, 112, mems,        TEXT_MAX,      0, "likewise") \
    F(R, BOOL, 113, only_cpus,  0,             0, "nothing but cpus and mems changes") \
    F(R, STR, 114, sandbox,     MESSAGE_MAX,   0, "") \
    F(R, BOOL, 30, docker,      0,             0, "for proffer-docker")

#define FIELDS_CONTAINER_UPDATED(F, R) \
    F(R, STR, 1, container_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2, number,       0,           0, "of the order") \
    F(R, STR, 3, error,        MESSAGE_MAX, 0, "which limit is as it was, and why; empty: all are set") \
    F(R, BOOL, 4, ended,       0,           0, "it is not there any more: its container_exited came before, or is on its way")

#define FIELDS_LAUNCHER_END(F, R) \
    F(R, STR, 1, reason, MESSAGE_MAX, 0, "for the log")

/* clang-format on */

#endif
