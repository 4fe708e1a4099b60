package intercept

import "strings"

var serviceRules = []Rule{
	{ID: "cluster", Reason: "deletes or disrupts what runs in a cluster", names: set("kubectl oc k3s helm helmfile flux argocd nomad consul vault istioctl kustomize eksctl kops kubeadm talosctl rancher velero etcdctl"), match: cluster,
		Hits: []string{"kubectl --context prod delete svc api", "helm delete api", "nomad job stop -purge api"}, Passes: []string{"kubectl get pods -l action=delete", "helm uninstall api --dry-run", "kubectl port-forward svc/api 8080:80"}},
	{ID: "infrastructure", Reason: "destroys or changes infrastructure", names: set("terraform tofu terragrunt pulumi cdk cdktf ansible ansible-playbook salt vagrant packer serverless sls sam copilot"), match: infrastructure,
		Hits: []string{"terraform -chdir=infra destroy", "terraform apply -auto-approve", "ansible all -m file -a 'path=/srv state=absent'"}, Passes: []string{"terraform plan", "terraform state list"}},
	{ID: "containers", Reason: "removes or disrupts containers, volumes or images", names: set("docker podman nerdctl crictl ctr docker-compose podman-compose lxc incus virsh VBoxManage qm pct multipass machinectl"), match: containers,
		Hits: []string{"docker system prune -af", "docker -H tcp://192.0.2.1 rm -f web", "docker run --privileged -v /:/h alpine sh"}, Passes: []string{"docker volume ls", "docker logs destroyer", "docker run --rm app test"}},
	{ID: "database", Reason: "destroys data in a database", names: set("psql mysql mariadb sqlite3 mongosh mongo redis-cli valkey-cli cqlsh clickhouse-client sqlcmd sqlplus duckdb influx cockroach mysqladmin dropdb dropuser pg_restore pg_dropcluster pg_resetwal rake rails bin/rails artisan php manage.py python python3 prisma npx sequelize knex alembic flyway liquibase bq etcdctl curl http kafka-topics kafka-topics.sh rabbitmqctl mongorestore"), match: databases,
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
			return !c.sub("replace") || c.has("--force") || c.flag("f")
		}
		return c.sub("delete", "kubectl delete") || c.has("--prune")
	case "helm", "helmfile":
		return c.sub("uninstall", "delete", "del", "un", "rollback", "destroy", "repo remove")
	case "nomad", "consul", "vault":
		return c.contains("stop", "purge", "delete", "destroy", "leave", "force-leave", "drain", "revoke", "seal", "disable", "metadata delete")
	case "etcdctl":
		return c.sub("del", "rm", "rmdir", "member remove", "snapshot restore", "user delete", "role delete", "defrag")
	case "kubeadm", "talosctl":
		return c.sub("reset", "wipe", "shutdown", "reboot", "upgrade")
	}
	return c.has("delete", "uninstall", "suspend", "destroy", "remove", "purge")
}

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
			"system prune", "system reset", "builder prune", "swarm leave", "stack rm", "service rm", "service scale", "node rm", "secret rm", "config rm", "context rm", "compose down", "compose rm", "compose kill", "compose stop", "buildx prune", "pod rm", "pod prune", "pod kill", "machine rm", "plugin rm")
	case "docker-compose", "podman-compose":
		return c.sub("down", "rm", "kill", "stop")
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
		ws := c.words()
		for i, w := range ws {
			w = strings.ToLower(w)
			switch {
			case w == "flushall" || w == "flushdb" || w == "shutdown" || w == "debug" && i < 4 || w == "replicaof" || w == "slaveof" || w == "del" && strings.Contains(strings.Join(ws, " "), unknown) || w == "swapdb" || w == "failover":
				return true
			case (w == "config" || w == "script" || w == "acl") && i+1 < len(ws) && strings.Contains("set rewrite resetstat flush deluser setuser", strings.ToLower(ws[i+1])):
				return true
			}
		}
		return false
	case "rake", "rails", "artisan", "php", "prisma", "npx", "sequelize", "knex", "alembic", "flyway", "liquibase", "manage.py", "python", "python3":
		for _, a := range c.args {
			switch a {
			case "db:drop", "db:reset", "db:purge", "db:drop:all", "db:schema:load", "db:rollback", "migrate:fresh", "migrate:reset", "migrate:refresh", "migrate:rollback", "db:wipe", "flush", "reset_db", "sqlflush", "db:migrate:reset", "db:truncate_all", "db:seed:undo:all", "db:migrate:undo:all", "drop-all", "dropAll":
				return true
			}
		}
		return c.name == "flyway" && c.has("clean") || c.name == "alembic" && c.sub("downgrade") || (c.name == "prisma" || c.name == "npx") && (c.sub("migrate reset", "prisma migrate reset") || c.has("--force-reset", "--accept-data-loss")) || c.name == "knex" && c.contains("rollback")
	case "curl", "http":
		for i, a := range c.args {
			del := a == "-XDELETE" || a == "--request=DELETE" || a == "DELETE" && (c.name == "http" || i > 0 && (c.args[i-1] == "-X" || c.args[i-1] == "--request")) || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.HasSuffix(a, "XDELETE")
			if del {
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
		return c.sub("rm")
	}
	return database(c)
}

func cloud(c *call) bool {
	if c.dry() {
		return false
	}
	for i, a := range c.words() {
		low := strings.ToLower(a)
		if i > 6 {
			break
		}
		switch {
		case strings.HasPrefix(low, "delete") || strings.HasPrefix(low, "terminate") || strings.HasPrefix(low, "destroy") || strings.HasPrefix(low, "purge") || strings.HasPrefix(low, "deregister") || strings.HasPrefix(low, "schedule-key-deletion") || strings.HasPrefix(low, "remove-") || strings.HasPrefix(low, "detach-") || strings.HasPrefix(low, "stop-") || strings.HasPrefix(low, "reboot-") || strings.HasPrefix(low, "revoke-") || strings.HasPrefix(low, "disable-"):
			if i > 0 || c.name == "gh" || c.name == "wrangler" || c.name == "netlify" {
				return true
			}
		case strings.HasSuffix(low, ":destroy") || strings.HasSuffix(low, ":reset") || strings.HasSuffix(low, ":delete") || strings.HasSuffix(low, ":remove") || strings.HasSuffix(low, ":unset") || strings.HasSuffix(low, ":clear") || strings.HasSuffix(low, ":stop") || strings.HasSuffix(low, ":disable"):
			return true
		}
	}
	switch c.name {
	case "aws":
		return c.sub("s3 rm", "s3 rb", "s3 sync", "s3 mv") && (c.sub("s3 rm", "s3 rb") || c.has("--delete"))
	case "gsutil", "mc", "s3cmd", "b2":
		return c.sub("rm", "rb", "del", "mirror", "rsync") && (c.sub("rm", "rb", "del") || c.has("--remove", "-d", "--delete"))
	case "gcloud":
		return c.sub("storage rm") || c.sub("compute instances stop", "compute instances reset", "sql instances restart")
	case "vercel", "netlify", "railway", "fly", "flyctl", "heroku", "cf", "supabase", "doctl", "hcloud", "render", "eb":
		return c.has("remove", "rm", "destroy", "delete", "down", "db:reset", "terminate", "reset", "--force-reset")
	case "gh", "glab":
		return c.sub("repo archive", "pr close", "secret remove", "repo rename", "repo edit", "release delete", "secret delete", "workflow disable", "run cancel")
	case "az":
		return c.has("delete", "purge", "deallocate", "stop")
	}
	return false
}
