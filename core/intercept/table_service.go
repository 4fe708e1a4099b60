package intercept

import (
	"regexp"
	"slices"
	"strings"
)

var serviceRules = []Rule{
	{ID: "cluster", Reason: "deletes or disrupts what runs in a cluster", names: set("kubectl oc k3s helm helmfile flux argocd nomad consul vault istioctl kustomize eksctl kops kubeadm talosctl rancher velero etcdctl kind minikube k3d skaffold tilt colima limactl"), match: cluster,
		Hits: []string{"kubectl --context prod delete svc api", "helm delete api", "nomad job stop -purge api"}, Passes: []string{"kubectl get pods -l action=delete", "helm uninstall api --dry-run", "kubectl port-forward svc/api 8080:80"}},
	{ID: "infrastructure", Reason: "destroys or changes infrastructure", names: set("terraform tofu terragrunt pulumi cdk cdktf ansible ansible-playbook salt vagrant packer serverless sls sam copilot"), match: infrastructure,
		Hits: []string{"terraform -chdir=infra destroy", "terraform apply -auto-approve", "ansible all -m file -a 'path=/srv state=absent'"}, Passes: []string{"terraform plan", "terraform state list"}},
	{ID: "containers", Reason: "removes or disrupts containers, volumes or images", names: set("docker podman nerdctl crictl ctr docker-compose podman-compose lxc incus virsh VBoxManage qm pct multipass machinectl"), match: containers,
		Hits: []string{"docker system prune -af", "docker -H tcp://192.0.2.1 rm -f web", "docker run --privileged -v /:/h alpine sh"}, Passes: []string{"docker volume ls", "docker logs destroyer", "docker run --rm app test"}},
	{ID: "database", Reason: "destroys data in a database", names: set("psql mysql mariadb sqlite3 mongosh mongo redis-cli valkey-cli cqlsh clickhouse-client sqlcmd sqlplus duckdb influx cockroach mysqladmin dropdb dropuser pg_restore pg_dropcluster pg_resetwal rake rails bin/rails artisan php manage.py python python3 prisma npx sequelize knex alembic flyway liquibase bq etcdctl curl wget http xh kafka-topics kafka-topics.sh rabbitmqctl mongorestore"), match: databases,
		Hits: []string{"psql -c 'DROP TABLE users'", "echo 'DROP DATABASE app;' | psql", "redis-cli FLUSHALL", "curl -XDELETE http://localhost:9200/_all"}, Passes: []string{`psql -c "select 'drop table users'"`, "mysql -e 'show tables'", "redis-cli GET flushall:count", `grep "DROP TABLE" a.sql`}},
	{ID: "cloud", Reason: "deletes cloud resources", names: set("aws gcloud gsutil az doctl heroku vercel gh glab netlify fly flyctl wrangler firebase s3cmd mc ibmcloud oci linode-cli hcloud scw railway supabase aliyun exo civo render cf eb lightsail bq stripe dokku b2 gam"), match: cloud,
		Hits: []string{"aws s3 rm s3://b --recursive", "gh repo delete o/r --yes", "heroku pg:reset"}, Passes: []string{"aws s3 ls s3://b", "gh pr list", "gcloud compute instances list"}},
}

func cluster(c *call) bool {
	if c.dry() {
		return false
	}
	switch c.name {
	case "kubectl", "oc", "k3s":
		if c.sub("rollout undo", "rollout restart", "replace", "scale", "drain", "cordon", "taint", "auth reconcile", "config delete-context", "config delete-cluster", "adm drain") {
			return true
		}
		return c.sub("delete", "kubectl delete", "config unset", "config delete-user") || c.has("--prune") || c.sub("apply") && c.has("--force")
	case "helm", "helmfile":
		return c.sub("uninstall", "delete", "del", "un", "rollback", "destroy", "repo remove")
	case "nomad", "consul", "vault":
		for i, w := range c.words() {
			if i < 3 && clusterStops[w] {
				return true
			}
		}
		return c.has("-purge", "--purge")
	case "etcdctl":
		return c.sub("del", "rm", "rmdir", "member remove", "snapshot restore", "user delete", "role delete", "defrag")
	case "kubeadm", "talosctl":
		return c.sub("reset", "wipe", "shutdown", "reboot", "upgrade")
	}
	return c.sub("delete", "uninstall", "suspend", "destroy", "remove", "purge", "stop", "down") || c.has("delete", "uninstall", "destroy", "purge")
}

var clusterStops = set("stop purge delete destroy leave force-leave drain revoke seal disable gc")

func infrastructure(c *call) bool {
	switch c.name {
	case "terraform", "tofu", "terragrunt", "cdktf":
		if c.sub("plan", "validate", "show") {
			return false
		}
		return c.has("destroy", "-destroy", "--destroy", "-auto-approve", "--auto-approve", "destroy-all") || c.sub("state rm", "state push", "state mv", "workspace delete", "force-unlock", "taint", "run-all destroy")
	case "pulumi", "cdk", "vagrant", "serverless", "sls", "sam", "copilot":
		return c.sub("destroy", "stack rm", "delete", "remove", "state delete", "app delete", "env delete", "svc delete", "halt") || c.sub("up", "deploy") && c.has("--yes", "-y")
	case "ansible":
		return c.contains("state=absent", "rm -", "reboot", "shutdown", "mkfs", "state=stopped") || c.has("reboot")
	case "ansible-playbook":
		return c.contains("destroy", "teardown", "wipe", "delete") && !c.has("--check", "-C")
	case "salt":
		return c.contains("cmd.run", "file.remove", "system.reboot", "system.shutdown", "service.stop")
	}
	return false
}

func containers(c *call) bool {
	if c.dry() {
		return false
	}
	switch c.name {
	case "docker", "podman", "nerdctl":
		if c.sub("run", "create") {
			if c.has("--privileged", "--pid=host", "--userns=host", "--cap-add=SYS_ADMIN", "--cap-add=ALL") {
				return true
			}
			for i, a := range c.args {
				v := strings.TrimPrefix(strings.TrimPrefix(a, "-v"), "--volume=")
				if strings.HasPrefix(v, "/:") || strings.HasPrefix(v, "/etc:") || strings.Contains(v, "docker.sock") || i > 0 && (c.args[i-1] == "-v") && strings.HasPrefix(a, "/:") {
					return true
				}
			}
			return false
		}
		return c.sub("rm", "rmi", "kill", "stop", "restart", "container rm", "container kill", "container stop", "container prune", "image rm", "image prune", "volume rm", "volume prune", "network rm", "network prune",
			"system prune", "system reset", "builder prune", "swarm leave", "stack rm", "container restart", "network disconnect", "compose restart", "service rm", "service scale", "node rm", "secret rm", "config rm", "context rm", "compose down", "compose rm", "compose kill", "compose stop", "buildx prune", "pod rm", "pod prune", "pod kill", "machine rm", "plugin rm")
	case "docker-compose", "podman-compose":
		return c.sub("down", "rm", "kill", "stop", "restart")
	case "virsh":
		return c.sub("destroy", "undefine", "shutdown", "reboot", "vol-delete", "pool-delete", "pool-destroy", "snapshot-delete", "net-destroy")
	}
	return c.has("rm", "rmi", "rmp", "stopp", "delete", "destroy", "stop", "unregistervm", "purge", "terminate", "poweroff", "kill", "prune", "rollback")
}

func databases(c *call) bool {
	switch c.name {
	case "dropdb", "dropuser", "pg_dropcluster", "pg_resetwal":
		return true
	case "mysqladmin":
		return c.has("drop", "shutdown", "flush-logs", "kill")
	case "pg_restore", "mongorestore":
		return c.flag("c", "clean", "drop")
	case "redis-cli", "valkey-cli":
		return redis(c)
	case "rake", "rails", "artisan", "php", "prisma", "npx", "sequelize", "knex", "alembic", "flyway", "liquibase", "manage.py", "python", "python3":
		for _, a := range c.args {
			switch a {
			case "db:drop", "db:reset", "db:purge", "db:drop:all", "db:schema:load", "db:rollback", "migrate:fresh", "migrate:reset", "migrate:refresh", "migrate:rollback", "db:wipe", "flush", "reset_db", "sqlflush", "db:migrate:reset", "db:truncate_all", "db:seed:undo:all", "db:migrate:undo:all", "drop-all", "dropAll":
				return true
			}
		}
		return c.name == "flyway" && c.has("clean") || c.name == "alembic" && c.sub("downgrade") || (c.name == "prisma" || c.name == "npx") && (c.sub("migrate reset", "prisma migrate reset") || c.has("--force-reset", "--accept-data-loss")) || c.name == "knex" && c.contains("rollback")
	case "curl", "http", "wget", "xh":
		for i, a := range c.args {
			if deleteMethod.MatchString(a) || a == "DELETE" && (c.name == "http" || c.name == "xh" || i > 0 && methodOption.MatchString(c.args[i-1])) {
				return true
			}
		}
		return c.contains("_delete_by_query")
	case "etcdctl":
		return c.sub("del")
	case "kafka-topics", "kafka-topics.sh":
		return c.has("--delete")
	case "rabbitmqctl":
		return c.contains("reset", "delete", "purge", "stop", "forget")
	case "bq":
		return c.sub("rm") || database(c)
	}
	return database(c)
}

var (
	deleteMethod = regexp.MustCompile(`^(-[a-zA-Z]*X|--request=|--method=)DELETE$`)
	methodOption = regexp.MustCompile(`^(-[a-zA-Z]*X|--request|--method)$`)
)

// cloudValues are options of the clouds' command lines whose values are no verbs.
var cloudValues = set("--label -l --filter --query --search --name -n --title -t --body -b --message -m --bucket --format --output -o --profile --region --project --zone --account --configuration --verbosity --endpoint-url -R --repo -w --workflow -a --app --org -g --resource-group --subscription")

// reads are verbs behind which nothing is one.
var cloudReads = set("read list ls describe get get-value view search create ssh scp tail logs log status info show comment clone checkout")

// verbs returns the words that may be verbs: no values of options, and none behind a verb that reads or makes something.
func (c *call) verbs() (verbs []string) {
	for i, a := range c.args {
		if strings.HasPrefix(a, "-") || i > 0 && cloudValues[c.args[i-1]] {
			continue
		}
		verbs = append(verbs, strings.ToLower(a))
		first := c.name == "aws" || c.name == "gh" || c.name == "glab"
		if cloudReads[a] && len(verbs) > 1 || len(verbs) == 7 || first && len(verbs) == 2 {
			break
		}
	}
	return verbs
}

var (
	// cloudDeletes are beginnings and ends of verbs that delete or stop something.
	cloudDeletes = regexp.MustCompile(`^(delete|terminate|destroy|purge|deregister|schedule-key-deletion|(batch|bulk)-delete|(remove|detach|stop|reboot|revoke|disable|release|close)-)`)
	taskDeletes  = regexp.MustCompile(`:(destroy|reset|delete|remove|unset|clear|stop|disable|rollback)$`)
	scaledToZero = regexp.MustCompile(`^\w+=0$`)
)

func cloud(c *call) bool {
	if c.dry() {
		return false
	}
	verbs := c.verbs()
	for i, v := range verbs {
		alone := c.name == "gh" || c.name == "wrangler" || c.name == "netlify"
		if cloudDeletes.MatchString(v) && (i > 0 || alone) && !(c.name == "aws" && i == 0) || taskDeletes.MatchString(v) || v == "ps:scale" && slices.ContainsFunc(c.args, scaledToZero.MatchString) {
			return true
		}
	}
	verb := func(list ...string) bool {
		return slices.ContainsFunc(verbs, func(v string) bool { return slices.Contains(list, v) })
	}
	switch c.name {
	case "aws":
		for i, a := range c.args {
			if (a == "--desired-count" || a == "--desired-capacity") && i+1 < len(c.args) && c.args[i+1] == "0" {
				return true
			}
		}
		return c.sub("s3 rm", "s3 rb") || c.sub("s3 sync", "s3 mv") && c.has("--delete")
	case "gsutil", "mc", "s3cmd", "b2":
		return c.sub("rm", "rb", "del", "mirror", "rsync") && (c.sub("rm", "rb", "del") || c.has("--remove", "-d", "--delete"))
	case "gcloud":
		return c.sub("storage rm") || verb("stop", "reset", "suspend", "disable", "restart", "restore", "remove-iam-policy-binding")
	case "vercel", "netlify", "railway", "fly", "flyctl", "heroku", "cf", "supabase", "doctl", "hcloud", "render", "eb", "linode-cli", "scw":
		return verb("remove", "rm", "destroy", "delete", "down", "db:reset", "terminate", "reset", "stop", "kill", "shutdown", "poweroff", "power-off", "rebuild", "reboot") || c.has("--force-reset") || c.sub("scale count 0")
	case "gh", "glab":
		return c.sub("repo archive", "pr close", "mr close", "secret remove", "repo rename", "repo edit", "workflow disable", "run cancel") || verbs != nil && verbs[0] == "api" && apiDeletes(c)
	case "az":
		return verb("delete", "purge", "deallocate", "stop", "restart", "redeploy", "reimage")
	}
	return false
}

func apiDeletes(c *call) bool {
	return c.has("DELETE", "-XDELETE", "--method=DELETE") || c.contains("mutation{delete", "mutation { delete")
}
