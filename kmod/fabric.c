// SPDX-License-Identifier: GPL-2.0
/*
 * What LIO calls on a command. Contexts are LIO's: a completion worker, a task
 * management worker, or a run inside of vscsi_req_submit(). Nothing
 * is answered here: a released command goes on its queue's lock-free list and
 * a run of the queue is asked for.
 */
#include <linux/rcupdate.h>

#include "vhost_scsi.h"
#include "trace.h"

static void execute(struct work_struct *work)
{
	target_execute_cmd(container_of(work, struct se_cmd, work));
}

/*
 * The READ of a COMPARE AND WRITE has ended. Of one that failed, LIO's own
 * callback would warn unless an abort is the reason, and do no more than this.
 */
static sense_reason_t call_back(struct se_cmd *se_cmd, bool success,
				int *post_ret)
{
	if (success)
		return to_vscsi_req(se_cmd)->callback(se_cmd, success,
						      post_ret);
	up(&se_cmd->se_dev->caw_sem);
	return TCM_NO_SENSE;
}

/* Carried out at last: now LIO may be called back when it has ended. */
static sense_reason_t execute_with_callback(struct se_cmd *se_cmd)
{
	se_cmd->transport_complete_callback = call_back;
	return to_vscsi_req(se_cmd)->execute(se_cmd);
}

/*
 * COMPARE AND WRITE takes a semaphore of the backstore when it is carried out,
 * and LIO's callback lets go of it at the end. But LIO calls back for one that
 * fails before, too, by a unit attention say: it warns, and lets go of what
 * another command has. So the callback has to wait.
 */
static void hold_callback(struct se_cmd *se_cmd)
{
	struct vscsi_req *req = to_vscsi_req(se_cmd);

	req->callback = se_cmd->transport_complete_callback;
	req->execute = se_cmd->execute_cmd;
	se_cmd->transport_complete_callback = NULL;
	se_cmd->execute_cmd = execute_with_callback;
}

/*
 * The data is in the guest's memory already. This is called in a worker of
 * LIO's that submits commands. One that waits for others first waits for these
 * workers, and would for ever in one of them; it is carried out in one of ours.
 * LIO makes use of the work item only when the command has been carried out.
 */
static int vscsi_write_pending(struct se_cmd *se_cmd)
{
	if (unlikely(se_cmd->se_cmd_flags & SCF_COMPARE_AND_WRITE))
		hold_callback(se_cmd);
	if (unlikely(vscsi_cdb_preempts(se_cmd->t_task_cdb))) {
		INIT_WORK(&se_cmd->work, execute);
		queue_work(vscsi_close_wq, &se_cmd->work);
	} else {
		target_execute_cmd(se_cmd);
	}
	return 0;
}

/*
 * A command that gets neither of these two calls was aborted: its status means
 * nothing, and it must not be answered as if it had been done.
 */
static int vscsi_queue_data_in(struct se_cmd *se_cmd)
{
	struct vscsi_req *req = to_vscsi_req(se_cmd);

	trace_vscsi_done(req);
	req->answered = true;
	return 0;
}

static int vscsi_queue_status(struct se_cmd *se_cmd)
{
	return vscsi_queue_data_in(se_cmd);
}

static void vscsi_queue_tm_rsp(struct se_cmd *se_cmd)
{
	struct vscsi_tmf *tmf = to_vscsi_tmf(se_cmd);

	switch (se_cmd->se_tmr_req->response) {
	case TMR_FUNCTION_COMPLETE:
		tmf->response = VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
		break;
	case TMR_LUN_DOES_NOT_EXIST:
		tmf->response = VIRTIO_SCSI_S_INCORRECT_LUN;
		break;
	default:
		tmf->response = VIRTIO_SCSI_S_FUNCTION_REJECTED;
	}
}

static void vscsi_aborted_task(struct se_cmd *se_cmd)
{
}

static int vscsi_check_stop_free(struct se_cmd *se_cmd)
{
	return target_put_sess_cmd(se_cmd);
}

/*
 * The last reference is gone and LIO will not touch the command again. Once it
 * is on the list its device may be closed and freed by others: RCU keeps what
 * is needed to wake the queue (vscsi_dev_free() waits), or a run that was begun.
 */
static void vscsi_release_cmd(struct se_cmd *se_cmd)
{
	bool finished = false, here = false;
	struct llist_node *node;
	struct vscsi_vq *vq;

	if (se_cmd->se_cmd_flags & SCF_SCSI_TMR_CDB) {
		vq = to_vscsi_tmf(se_cmd)->vq;
		node = &to_vscsi_tmf(se_cmd)->done;
		vscsi_conflict_end(&to_vscsi_tmf(se_cmd)->conflict);
	} else {
		vq = to_vscsi_req(se_cmd)->vq;
		node = &to_vscsi_req(se_cmd)->done;
		finished = to_vscsi_req(se_cmd)->answered;
		if (unlikely(to_vscsi_req(se_cmd)->conflict.listed))
			vscsi_conflict_end(&to_vscsi_req(se_cmd)->conflict);
	}
	/* By preemption: that costs less for each command. */
	rcu_read_lock_sched();
	/* Whose node was the first has woken the queue for all. */
	if (llist_add(node, &vq->done))
		here = vscsi_vq_released(vq, finished);
	rcu_read_unlock_sched();
	if (here)
		vscsi_vq_run_here(vq);
}

static char *vscsi_tpg_get_wwn(struct se_portal_group *se_tpg)
{
	return to_vscsi_tpg(se_tpg)->wwn->name;
}

static u16 vscsi_tpg_get_tag(struct se_portal_group *se_tpg)
{
	return to_vscsi_tpg(se_tpg)->tag;
}

static int vscsi_tpg_prot_type(struct se_portal_group *se_tpg)
{
	return READ_ONCE(to_vscsi_tpg(se_tpg)->prot_type);
}

static int vscsi_yes(struct se_portal_group *se_tpg)
{
	return 1;
}

static int vscsi_no(struct se_portal_group *se_tpg)
{
	return 0;
}

static u32 vscsi_inst_index(struct se_portal_group *se_tpg)
{
	return 1;
}

static u32 vscsi_sess_index(struct se_session *se_sess)
{
	return 0;
}

static void vscsi_node_attributes(struct se_node_acl *nacl)
{
}

static int vscsi_cmd_state(struct se_cmd *se_cmd)
{
	return 0;
}

const struct target_core_fabric_ops vscsi_fabric_ops = {
	.module				= THIS_MODULE,
	.fabric_name			= "vhost",
	.max_data_sg_nents		= VSCSI_SGS_MAX,
	.tpg_get_wwn			= vscsi_tpg_get_wwn,
	.tpg_get_tag			= vscsi_tpg_get_tag,
	.tpg_check_demo_mode		= vscsi_yes,
	.tpg_check_demo_mode_cache	= vscsi_yes,
	.tpg_check_demo_mode_write_protect = vscsi_no,
	.tpg_check_prod_mode_write_protect = vscsi_no,
	.tpg_check_prot_fabric_only	= vscsi_tpg_prot_type,
	.tpg_get_inst_index		= vscsi_inst_index,
	.sess_get_index			= vscsi_sess_index,
	.set_default_node_attributes	= vscsi_node_attributes,
	.get_cmd_state			= vscsi_cmd_state,

	.write_pending			= vscsi_write_pending,
	.queue_data_in			= vscsi_queue_data_in,
	.queue_status			= vscsi_queue_status,
	.queue_tm_rsp			= vscsi_queue_tm_rsp,
	.aborted_task			= vscsi_aborted_task,
	.check_stop_free		= vscsi_check_stop_free,
	.release_cmd			= vscsi_release_cmd,

	.fabric_make_wwn		= vscsi_wwn_make,
	.fabric_drop_wwn		= vscsi_wwn_drop,
	.fabric_make_tpg		= vscsi_tpg_make,
	.fabric_drop_tpg		= vscsi_tpg_drop,
	.fabric_post_link		= vscsi_tpg_lun_linked,
	.fabric_pre_unlink		= vscsi_tpg_lun_unlinking,
	.fabric_post_unlink		= vscsi_tpg_lun_unlinked,
	.tfc_wwn_attrs			= vscsi_wwn_attrs,
	.tfc_tpg_base_attrs		= vscsi_tpg_attrs,
	.tfc_tpg_attrib_attrs		= vscsi_tpg_attrib_attrs,

	VSCSI_TFO_SUBMIT
};
