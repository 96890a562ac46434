# nomad job run docs/examples/nomad.hcl && nomad job dispatch -meta release=/srv/releases/orders-1.4.0 update-orders
# The batch job ends with hotgate's exit code; the service is replaced only after 0, and watched for five minutes.
# To roll back, dispatch it again with the release before: until then `current` is the one that was found bad.
job "update-orders" {
  type = "batch"

  parameterized {
    meta_required = ["release"]
  }

  group "update" {
    restart {
      attempts = 0
      mode     = "fail"
    }

    task "hotgate" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-eu", "local/update.sh"]
      }

      template {
        destination = "local/update.sh"
        data        = <<-SCRIPT
          # An allocation's folder has no hotgate.toml: policy, store and rules are the sidecar's.
          export HOTGATE_POLICY=/etc/hotgate/hotgate.toml
          current=/srv/orders/current # what the service executes on SIGUSR2
          release=$(readlink -f "$NOMAD_META_release") # what is checked is what is linked, whatever a link says later
          pid=$(cat /run/orders.pid)
          hotgate check --pid "$pid" "$release" --live http://127.0.0.1:8080 --audit --wait 30s
          ln -sfn "$release" "$current.new"
          mv -T "$current.new" "$current"
          since=$(date +%s)
          kill -USR2 "$pid"
          hotgate watch orders --since "$since"
        SCRIPT
      }
    }
  }
}
