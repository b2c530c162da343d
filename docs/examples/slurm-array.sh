#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A sweep over the nodes of a Slurm cluster, whole nodes of one type, one shard each; the last job joins them:
#   job=$(sbatch --parsable --array=1-8 slurm-array.sh sweeps/nightly.ini)
#   sbatch --dependency=afterok:"$job" slurm-array.sh merge
#SBATCH --job-name=tickvm
#SBATCH --nodes=1
#SBATCH --exclusive
#SBATCH --time=02:00:00
set -eu
TICKVM=${TICKVM:-tickvm}

if [ "$1" = merge ]; then
	"$TICKVM" merge shard-*.json -o sweep.json
	exec "$TICKVM" report sweep.json -o sweep.html
fi
"$TICKVM" doctor --quiet --require kvm,fifo
shard=$SLURM_ARRAY_TASK_ID results=shard-$SLURM_ARRAY_TASK_ID.json
shards=$SLURM_ARRAY_TASK_COUNT
# A job that was requeued goes on where it stopped.
if [ -s "$results" ]; then
	exec "$TICKVM" sweep "$1" --quiet --shard "$shard/$shards" --resume "$results"
fi
exec "$TICKVM" sweep "$1" --quiet --shard "$shard/$shards" --json "$results"
