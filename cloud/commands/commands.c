#include "commands.h"

#define MANY 10000

const struct sedge_command sedge_commands[] = {
    {"init",
     "--broker-host HOST [--broker-port N] [--service-host HOST] [--service-port N] [--region R] [--account A]\n"
     "    [--s3-endpoint URL] [--s3-region R] [--bucket B] [--prefix P] [--virtual-host-style]\n"
     "    [--s3-access-key K] [--s3-secret-key S] [--s3-device-access-key K] [--s3-device-secret-key S]\n"
     "    [--in-progress-minutes N] [--create-bucket] [--auto-register on|off]\n"
     "    [--data-plane-port N [--data-plane-host HOST,...] [--data-plane-bind ADDRESS]]\n"
     "    [--unlisted-components log|enforce|off]\n"
     "    [--api-port N [--api-host HOST,...] [--api-bind ADDRESS]] [--api-socket PATH]\n\n"
     "--broker-host and --broker-port: where devices reach the broker; --service-...: where this program does.\n"
     "--data-plane-...: HTTPS for devices, written into the bundles of things; port 0: none, devices read the store.\n"
     "--api-...: the control API on TCP; without a port it is on the Unix socket alone.\n"
     "--auto-register: a device that nobody made here, with a certificate of this authority, becomes a thing in group\n"
     "unassigned; off to begin with. It counts when serve starts.\n"
     "A secret written as @FILE is read from that file. Run again, it changes only what is given.",
     "Make the state folder: settings, database, certificate authority",
     "broker-host= broker-port= service-host= service-port= region= account= s3-endpoint= s3-region= bucket= prefix= "
     "virtual-host-style s3-access-key= s3-secret-key= s3-device-access-key= s3-device-secret-key= "
     "in-progress-minutes= create-bucket auto-register= data-plane-port= data-plane-host= data-plane-bind= "
     "unlisted-components= "
     "api-port= api-host= api-bind= api-socket=",
     0, 0, true, sedge_cmd_init},
    {"broker-config",
     "--out DIR [--names HOST,ADDRESS...] [--bind ADDRESS] [--user NAME]\n"
     "    [--device-topic PATTERN]... [--reader NAME]...\n\n"
     "--device-topic: a topic that devices may publish to besides dt/THING/# (%u stands for the thing's name).\n"
     "--reader: a user of the service listener who may read these topics; the password goes to "
     "DIR/reader-NAME.password.",
     "Write the files that mosquitto needs", "out= names= bind= user= device-topic= reader=", 0, 0, false,
     sedge_cmd_broker_config},
    {"serve", "[--verbose]", "Answer devices and the API, until Ctrl-C", "verbose", 0, 0, false, sedge_cmd_serve},
    {"thing create",
     "NAME [--out DIR] [--install-dir DIR] [--root DIR]\n\n"
     "Writes device.key, device.crt, ca.crt and config.yaml into DIR (default: ./NAME) for\n"
     "sedge-nucleus --init-config DIR/config.yaml. --install-dir: where the device will have the folder, if it is "
     "copied.",
     "Register a device: key, certificate, configuration", "out= install-dir= root=", 1, 1, false,
     sedge_cmd_thing_create},
    {"thing list",
     "[--attr NAME[=VALUE]] [--group GROUP] [--health HEALTHY|UNHEALTHY|UNKNOWN] [--component NAME[@VERSION]]\n"
     "    [--not-seen-for 36h]\n\n"
     "Several filters: things that fit all. --group: members of groups below it too. --component: what the device "
     "says\n"
     "it has. --not-seen-for: no message since then; s, m, h or d.",
     "Show things", "attr= group= health= component= not-seen-for=", 0, 0, false, sedge_cmd_thing_list},
    {"thing show", "NAME", "Show a thing: components, deployments, last error", "", 1, 1, false, sedge_cmd_thing_show},
    {"thing set-attr", "NAME ATTRIBUTE=VALUE...\n\nATTRIBUTE= takes an attribute away.", "Describe a thing", "", 2,
     MANY, false, sedge_cmd_thing_set_attr},
    {"thing block",
     "NAME\n\nNobody answers the thing, and its certificate goes into the broker's list of revoked ones.",
     "Lock a thing out", "", 1, 1, false, sedge_cmd_thing_block},
    {"thing unblock", "NAME", "Let a blocked thing in again", "", 1, 1, false, sedge_cmd_thing_unblock},
    {"thing delete", "NAME\n\nIts certificate is revoked; the name may be used again.", "Forget a thing", "", 1, 1,
     false, sedge_cmd_thing_delete},
    {"thing carrier",
     "NAME auto|shadow|job\n\nHow a deployment to this thing alone travels. auto, the default: by its shadow, or as a "
     "job "
     "to a\ndevice that knows no shadows.",
     "How deployments reach a thing", "", 2, 2, false, sedge_cmd_thing_carrier},
    {"shadow list", "THING", "Show the shadows of a thing", "", 1, 1, false, sedge_cmd_shadow_list},
    {"shadow show", "THING [SHADOW]\n\nWithout SHADOW: the classic one.", "Show a shadow", "", 1, 2, false,
     sedge_cmd_shadow_show},
    {"shadow update", "THING [SHADOW] --desired JSON\n\nMerges the object into what is desired; null deletes a key.",
     "Change what a shadow asks for", "desired=", 1, 2, false, sedge_cmd_shadow_update},
    {"shadow delete", "THING [SHADOW]", "Delete a shadow", "", 1, 2, false, sedge_cmd_shadow_delete},
    {"group create",
     "NAME [--parent GROUP | --query QUERY]\n\n--parent: deployments to GROUP reach the members of the new group too.\n"
     "--query: the things that fit it are members, and serve keeps it so: attr.site = 'hall 1' and component.x < 1.2.0",
     "Make a thing group", "parent= query=", 1, 1, false, sedge_cmd_group_create},
    {"group list", "", "Show all groups", "", 0, 0, false, sedge_cmd_group_list},
    {"group show", "NAME", "Show the members of a group", "", 1, 1, false, sedge_cmd_group_show},
    {"group add-thing",
     "GROUP THING... [--create]\n\nA thing that joins gets the group's current deployment. --create: make the group "
     "when "
     "there is none.",
     "Put things into a group", "create", 2, MANY, false, sedge_cmd_group_add},
    {"group move-thing", "FROM TO THING...", "Move things from one group into another", "", 3, MANY, false,
     sedge_cmd_group_move},
    {"group rm-thing",
     "GROUP THING... [--prune]\n\nA device removes the group's components with its next deployment. --prune: it gets "
     "one "
     "that changes nothing\nelse, so that they go at once.",
     "Take things out of a group", "prune", 2, MANY, false, sedge_cmd_group_rm},
    {"group delete", "NAME [--cascade]", "Delete a group", "cascade", 1, 1, false, sedge_cmd_group_delete},
    {"component publish",
     "FOLDER|RECIPE [--artifact-dir DIR] [--dry-run]\n\n"
     "FOLDER holds recipe.yaml or recipe.json (or the only recipe file) and the artifacts. An artifact's URI in the "
     "recipe\n"
     "may be a plain file name or s3://BUCKET/NAME; digests and the stored location are filled in.",
     "Check and upload a component version", "artifact-dir= dry-run", 1, 1, false, sedge_cmd_component_publish},
    {"component list", "", "Show published components", "", 0, 0, false, sedge_cmd_component_list},
    {"component show", "NAME[@VERSION]", "Show a published component", "", 1, 1, false, sedge_cmd_component_show},
    {"component deprecate", "NAME@VERSION", "Warn when a version is deployed", "", 1, 1, false,
     sedge_cmd_component_deprecate},
    {"component block", "NAME@VERSION\n\nDevices that have it keep it.", "Refuse a version from now on", "", 1, 1,
     false, sedge_cmd_component_block},
    {"component restore", "NAME@VERSION", "Take deprecate or block back", "", 1, 1, false, sedge_cmd_component_restore},
    {"component delete", "NAME@VERSION\n\nOnly if no current deployment names it and no device has it.",
     "Delete a version from the object store", "", 1, 1, false, sedge_cmd_component_delete},
    {"component rebuild", "\n\nFor a new or restored database: the object store has everything that was published.",
     "Read all published versions from the object store", "", 0, 0, false, sedge_cmd_component_rebuild},
    {"component clean", "\n\nserve does it every day: objects that have had no manifest for a day go.",
     "Delete what crashed uploads left", "", 0, 0, false, sedge_cmd_component_clean},
    {"deploy create",
     "-f FILE [--target group:NAME|thing:NAME] [--name TEXT] [--token T] [--force] [--skip-resolve]\n"
     "    [--expected-revision N] [--wait] [--timeout SECONDS]\n\n"
     "FILE is the input of: aws greengrassv2 create-deployment --cli-input-json, and may have a rollout block. "
     "--target goes before its targetArn.\n"
     "--token: the same request with the same token makes one revision only. --skip-resolve: do not ask whether the\n"
     "components are published. --force: a new revision even if nothing changes.",
     "Create a deployment revision", "file= target= name= token= force skip-resolve expected-revision= wait timeout=",
     0, 0, false, sedge_cmd_deploy_create},
    {"deploy revise",
     "TARGET [-f FILE] [--set-component NAME@VERSION]... [--rm-component NAME]...\n"
     "    [--merge NAME=JSON]... [--reset NAME=/pointer]... [--dry-run] [--token T] [--force] [--skip-resolve]\n"
     "    [--wait] [--timeout SECONDS]\n\n"
     "Starts from the target's current revision, prints the difference, and creates the next revision.",
     "Change a target's deployment",
     "file= set-component= rm-component= merge= reset= dry-run token= force skip-resolve wait timeout= name= "
     "expected-revision=",
     1, 1, false, sedge_cmd_deploy_revise},
    {"deploy show",
     "ID|TARGET[:REVISION] [--devices] [--status STATUS] [--errors]\n\n"
     "--devices: every device. --status: those with this status (QUEUED, IN_PROGRESS, SUCCEEDED, FAILED, ...).\n"
     "--errors: what went wrong, by error, most frequent first.",
     "Show a deployment and how its devices fare", "devices status= errors", 1, 1, false, sedge_cmd_deploy_show},
    {"deploy list",
     "[--target TARGET] [--history all|latest] [--state ROLLING|ACTIVE|PAUSED|...]\n\n"
     "--state followed by a state of deployments filters (--in-state is the same); anything else is the cloud side's "
     "folder.",
     "Show deployments", "target= history= in-state=", 0, 0, false, sedge_cmd_deploy_list},
    {"deploy cancel",
     "ID|TARGET [--force] [--fallback]\n\n"
     "Nothing more is released, and what waits is cancelled. --force: also devices that work on it. Devices that "
     "applied it\n"
     "stay as they are. --fallback: the last revision that went well becomes current again, as a new revision.",
     "Cancel a deployment", "force fallback", 1, 1, false, sedge_cmd_deploy_cancel},
    {"deploy revert",
     "TARGET --to REVISION [--expected-revision N]\n\nGoing back is a new revision with the old content, released "
     "without "
     "waves.",
     "Go back to an earlier revision", "to= expected-revision=", 1, 1, false, sedge_cmd_deploy_revert},
    {"deploy pause", "ID|TARGET\n\nReleases stop; devices that have it go on.", "Stop the roll-out for now", "", 1, 1,
     false, sedge_cmd_deploy_pause},
    {"deploy resume",
     "ID|TARGET\n\nGoes on in the same wave. What has failed so far is accepted: rules count from here.",
     "Go on with a paused roll-out", "", 1, 1, false, sedge_cmd_deploy_resume},
    {"deploy approve", "ID|TARGET\n\nBy another user than the one who created it.",
     "Approve a deployment that waits for it", "", 1, 1, false, sedge_cmd_deploy_approve},
    {"deploy retry",
     "ID|TARGET [--status FAILED,TIMED_OUT,REJECTED] [--things NAME,NAME...]\n\n"
     "Without options: all that failed or timed out. --things: these only.",
     "Try a deployment again where it failed", "status= things=", 1, 1, false, sedge_cmd_deploy_retry},
    {"device status", "NAME", "Show what a device is asked for and what it runs", "", 1, 1, false,
     sedge_cmd_device_status},
    {"device why",
     "NAME\n\nWhich target gives it which component version, what is under way, what is in the way, and where the\n"
     "device's answers and its fleet status disagree.",
     "Explain what a device runs, and why", "", 1, 1, false, sedge_cmd_device_why},
    {"watch",
     "ID|TARGET[:REVISION]\n\nIn a terminal one line that changes, elsewhere a line for each change; --json: an object "
     "a "
     "line.\n"
     "Ends with the deployment; exit status 5 if a device failed or it was cancelled.",
     "Follow a deployment until it is over", "", 1, 1, false, sedge_cmd_watch},
    {"audit",
     "[--what deploy] [--which NAME] [--who USER] [--since 7d] [--limit N]\n\n--what: beginning of the kind of change.",
     "Show who changed what, newest first", "what= which= who= since= limit=", 0, 0, false, sedge_cmd_audit},
    {"backup",
     "FILE | --to-store\n\nA whole copy of cloud.db while everything runs. --to-store: into the bucket, as "
     "exports/DATE/cloud.db.",
     "Copy the database", "to-store", 0, 1, false, sedge_cmd_backup},
    {"upkeep",
     "[--clean]\n\nserve does it by itself. Archives revisions in the object store; once a day, or with --clean: "
     "exports\n"
     "executions that nobody looks at any more, forgets old lines of the audit, deletes what crashed uploads left.",
     "Archive and clean up", "clean", 0, 0, false, sedge_cmd_upkeep},
    {0},
};
